from infra_image import image
from infra_night import night

__all__ = ["image", "night"]
