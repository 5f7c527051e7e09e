#!/usr/bin/env bash
# Start a job of the Flex Template and return: the job is not waited for.
#
#     TEMPLATE=gs://BUCKET/templates/repscore.json IMAGE=... REGION=europe-west4 \
#     TEMP=gs://BUCKET/temp SERVICE_ACCOUNT=... SUBNETWORK=regions/REGION/subnetworks/NAME \
#     bash infra/dataflow/run.sh 'gs://BUCKET/videos' gs://BUCKET/dataset people=2 scorer=exercises
#
# DEVICE=cuda: every machine gets a GPU. All machines of a job are of one type. Resource hints could
# give a GPU to the pose step alone, and the two exclude each other: but that step takes nearly all
# of the time, and a second pool of machines for the rest would wait for it.
set -euo pipefail
: "${TEMPLATE:?}" "${IMAGE:?}" "${REGION:?}" "${TEMP:?}" "${SERVICE_ACCOUNT:?}" "${SUBNETWORK:?}"
inputs="${1:?expected INPUTS OUTPUT [NAME=VALUE...]}" output="${2:?expected INPUTS OUTPUT}"
shift 2

parameters=("inputs=$inputs" "output=$output" "sdk_container_image=$IMAGE" disk_size_gb=100)
if [ "${DEVICE:-cpu}" = cuda ]; then
    machine="${MACHINE:-g2-standard-8}"
    accelerator="type:${ACCELERATOR:-nvidia-l4};count:1;install-nvidia-driver"
    parameters+=(device=cuda "dataflow_service_options=worker_accelerator=$accelerator")
else
    machine="${MACHINE:-n2-standard-8}"
    parameters+=(device=cpu precision=f32) # the same poses on every type of processor
fi
parameters+=("$@")

# A list for gcloud with ~ between its values, which may then hold commas.
joined="$(printf '~%s' "${parameters[@]}")"
gcloud dataflow flex-template run "repscore-$(date -u +%Y%m%d-%H%M%S)" \
    --template-file-gcs-location "$TEMPLATE" --region "$REGION" --parameters "^~^${joined:1}" \
    --worker-machine-type "$machine" --num-workers 1 --max-workers "${MAX_WORKERS:-10}" \
    --service-account-email "$SERVICE_ACCOUNT" --subnetwork "$SUBNETWORK" --disable-public-ips \
    --temp-location "$TEMP" --staging-location "$TEMP/staging"
