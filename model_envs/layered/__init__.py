"""The layered worker: splits photos into RGBA layers."""
