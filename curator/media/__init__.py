"""Reading and writing media: the only layer that touches PyAV."""
