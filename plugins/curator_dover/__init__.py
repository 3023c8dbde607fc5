"""DOVER: video quality as people judge it, technical and aesthetic, by the published networks.

Own code around the published facts; the weights are not part of it and are loaded only when a
recipe says from where. `README.md` says under which licence they are.
"""
