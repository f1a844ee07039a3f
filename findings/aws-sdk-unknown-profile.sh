#!/usr/bin/env bash
# The AWS SDK for JavaScript does not name a profile that it did not find. With AWS_PROFILE=tides and no such profile, its default
# chain (@aws-sdk/credential-provider-node 3.972.97) goes on to containers and instances, and ends in "Could not load credentials from
# any providers": the one word that would help, the profile's name, is lost on the way. It also drops good keys: where
# AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set beside that profile, they are not used, so a forgotten AWS_PROFILE in a shell
# makes a working pair of keys fail. The provider for profiles alone (fromIni) does say "tides". It hurts whoever mistypes a profile,
# and tools that pass the message on. Way around: say the value of AWS_PROFILE beside the message.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module" }' > package.json
npm install --silent --no-audit --no-fund @aws-sdk/credential-provider-node@3.972.97 @aws-sdk/credential-provider-ini@3.973.30

cat > load.mjs <<'JS'
import { fromIni } from '@aws-sdk/credential-provider-ini'
import { defaultProvider } from '@aws-sdk/credential-provider-node'
const tell = async (what, provider) => {
  try {
    console.log(`${what}: found ${(await provider()).accessKeyId}`)
  } catch (error) {
    console.log(`${what}: ${error.message}`)
  }
}
await tell('chain', defaultProvider())
await tell('profiles alone', fromIni())
process.env.AWS_ACCESS_KEY_ID = 'AKIDEXAMPLE'
process.env.AWS_SECRET_ACCESS_KEY = 'secret'
await tell('chain, with keys', defaultProvider())
JS

printf '[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = secret\n' > credentials
: > config
echo "node $(node --version), credential-provider-node $(node -p "JSON.parse(require('fs').readFileSync('node_modules/@aws-sdk/credential-provider-node/package.json')).version")"
env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_PROFILE=tides AWS_EC2_METADATA_DISABLED=true \
  AWS_SHARED_CREDENTIALS_FILE="$folder/credentials" AWS_CONFIG_FILE="$folder/config" node load.mjs 2> /dev/null | tee seen
diff seen - <<'WANTED' && echo 'as it was seen'
chain: Could not load credentials from any providers
profiles alone: Could not resolve credentials using profile: [tides] in configuration/credentials file(s).
chain, with keys: Could not load credentials from any providers
WANTED
