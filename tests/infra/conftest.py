from infra_image import image

__all__ = ["image"]
