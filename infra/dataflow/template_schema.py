"""Read the metadata of a template with Google's own client, which refuses what it does not know."""

import sys
from pathlib import Path

from google.cloud.dataflow_v1beta3 import TemplateMetadata

TemplateMetadata.from_json(Path(sys.argv[1]).read_text("utf-8"), ignore_unknown_fields=False)
