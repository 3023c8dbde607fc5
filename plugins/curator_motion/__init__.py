"""Complex movement of whole bodies: how people stand and move, for models that learn 3D motion."""
