#!/usr/bin/env bash
# Build the image, push it, and write the Flex Template that starts jobs with it.
#
#     IMAGE=REGION-docker.pkg.dev/PROJECT/REPOSITORY/repscore:TAG \
#     TEMPLATE=gs://BUCKET/templates/repscore.json DEVICE=cuda bash infra/dataflow/build.sh
#
# Needs docker and gcloud, logged in to the registry.
set -euo pipefail
: "${IMAGE:?names the image}" "${TEMPLATE:?names the file of the template}"
device="${DEVICE:-cpu}"
cd "$(dirname "$0")/../.."

docker build --file infra/container/Dockerfile --tag "$IMAGE" \
    --build-arg "DEVICE=$device" --build-arg "WEIGHTS=${WEIGHTS-full}" \
    --build-arg "REVISION=$(git rev-parse HEAD)" .
docker push "$IMAGE"
gcloud dataflow flex-template build "$TEMPLATE" --image "$IMAGE" --sdk-language PYTHON \
    --metadata-file infra/dataflow/metadata.json
