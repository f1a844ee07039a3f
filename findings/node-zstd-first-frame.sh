#!/usr/bin/env bash
# Node's zlib.zstdDecompressSync (and zstdDecompress) reads zstd's first frame and drops what follows, without an error, while
# gunzipSync reads all members of gzip. With the stream it depends on where the input is cut into chunks. RFC 8878 has data of several frames, `zstd -d` and Java's zstd-jni read
# all of them, and a skippable frame in front makes the result empty. It hurts whoever reads what others wrote frame by frame:
# Kafka batches of some producers, log files that were appended to, pzstd's and seekable archives. Data is lost in silence.
# Way around: ask for { info: true }, and go on behind engine.bytesWritten.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

machine=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
npm install --silent --no-audit --no-fund --prefix "$folder" "node-linux-$machine@24.21.0"
node=$folder/node_modules/node-linux-$machine/bin/node

cat > frames.mjs <<'JS'
import { Readable } from 'node:stream'
import zlib from 'node:zlib'
const twice = compress => Buffer.concat([compress('ebb '), compress('flow')])
const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7])
console.log('gzip, two members:', JSON.stringify(String(zlib.gunzipSync(twice(zlib.gzipSync)))))
console.log('zstd, two frames:', JSON.stringify(String(zlib.zstdDecompressSync(twice(zlib.zstdCompressSync)))))
const behind = Buffer.concat([skippable, zlib.zstdCompressSync('ebb')])
const [one, other] = ['ebb ', 'flow'].map(text => zlib.zstdCompressSync(text))
for (const chunks of [[Buffer.concat([one, other])], [one, other]]) {
  const read = await Readable.from(chunks).pipe(zlib.createZstdDecompress()).toArray()
  console.log(`zstd, two frames as a stream in chunks (${chunks.length}):`, JSON.stringify(String(Buffer.concat(read))))
}
console.log('zstd, a skippable frame first:', JSON.stringify(String(zlib.zstdDecompressSync(behind))))
JS

"$node" --version
"$node" frames.mjs | tee seen
diff seen - <<'WANTED' && echo 'as it was seen'
gzip, two members: "ebb flow"
zstd, two frames: "ebb "
zstd, two frames as a stream in chunks (1): "ebb "
zstd, two frames as a stream in chunks (2): "ebb flow"
zstd, a skippable frame first: ""
WANTED
