#!/usr/bin/env bash
# MiniStack 1.5.33 takes a multipart upload that asks for a CRC-32 of the FULL OBJECT, answers COMPOSITE, and completes it with a
# checksum of the parts' checksums ("…-2"), without an error. S3 computes the CRC-32 of all bytes then, so that whoever uploads
# compares it with one of his own, however the object was cut into parts. It hurts who tests such a comparison on the emulator: what
# is right fails there.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2> "$folder/kill" || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ministack==1.5.33 boto3==1.43.106 cbor2==6.2.1 cryptography==50.0.2
venv/bin/pip list 2> "$folder/pip" | grep -E '^(ministack|boto3) '
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
BIND_HOST=127.0.0.1 GATEWAY_PORT=$port IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 LOG_LEVEL=WARNING TMPDIR=$folder \
  venv/bin/python -m ministack > server.log 2>&1 &
server=$!
for _ in $(seq 60); do
  curl -sf "http://127.0.0.1:$port/_ministack/health" > health && break
  sleep 1
done

cat > upload.py <<'PY'
import base64, sys, zlib
import boto3

s3 = boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='test', aws_secret_access_key='test')
s3.create_bucket(Bucket='tides')
crc = lambda data: base64.b64encode(zlib.crc32(data).to_bytes(4, 'big')).decode()
parts = [b'a' * (5 << 20), b'b' * 100]
at = {'Bucket': 'tides', 'Key': 'whole'}
begun = s3.create_multipart_upload(**at, ChecksumAlgorithm='CRC32', ChecksumType='FULL_OBJECT')
at['UploadId'] = begun['UploadId']
done = []
for number, data in enumerate(parts, 1):
    sent = s3.upload_part(**at, PartNumber=number, Body=data, ChecksumCRC32=crc(data))
    done.append({'PartNumber': number, 'ETag': sent['ETag'], 'ChecksumCRC32': crc(data)})
whole = s3.complete_multipart_upload(**at, MultipartUpload={'Parts': done})
print('asked for FULL_OBJECT, begun as', begun.get('ChecksumType'))
print('CRC-32 of all bytes', crc(b''.join(parts)), '- answered', whole.get('ChecksumCRC32'), whole.get('ChecksumType'))
PY
venv/bin/python upload.py "http://127.0.0.1:$port" | tee seen
diff seen - <<'WANTED' && echo 'as it was seen'
asked for FULL_OBJECT, begun as COMPOSITE
CRC-32 of all bytes MY8dhg== - answered pKNgKw==-2 COMPOSITE
WANTED
