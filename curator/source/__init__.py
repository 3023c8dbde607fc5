"""Where videos come from: urls, manifests, fingerprints, rights."""
