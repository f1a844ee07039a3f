#!/usr/bin/env bash
# @platformatic/kafka 2.12.1 hashes a key with murmur2, as Kafka's Java client does, but by itself reads the hash as an unsigned
# number where Java clears the sign bit. The two agree for every key where the number of partitions is a power of two, so all
# looks well with 1, 2, 4 or 8 of them; with 3, 6 or 12 about half of the keys go to another partition than with Java, KafkaJS or
# franz-go. It hurts whoever writes to one topic with several clients, or moves a producer over: a key's records part, and with
# them their order. Its `compatibilityPartitioner` agrees with Java; it has to be asked for. Reference: KafkaJS 2.2.4.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module" }' > package.json
npm install --silent --no-audit --no-fund @platformatic/kafka@2.12.1 kafkajs@2.2.4

cat > keys.mjs <<'JS'
import { compatibilityPartitioner, defaultPartitioner } from '@platformatic/kafka'
import kafkajs from 'kafkajs'

const keys = Array.from({ length: 10_000 }, (_, index) => Buffer.from(`key-${index}`))
const asJava = kafkajs.Partitioners.DefaultPartitioner()
for (const partitions of [1, 2, 3, 4, 6, 8, 12, 16]) {
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({ partitionId, leader: 0 }))
  // As its producer does: what the partitioner answers, modulo the number of partitions.
  const differ = own =>
    keys.filter(key => own({}, key) % partitions !== asJava({ topic: 't', partitionMetadata, message: { key } })).length
  console.log(`${partitions} partitions: elsewhere ${differ(defaultPartitioner)}, compatibility ${differ(compatibilityPartitioner)}`)
}
JS

for name in @platformatic/kafka kafkajs; do
  node -p "'$name ' + JSON.parse(require('fs').readFileSync('node_modules/$name/package.json')).version"
done
node keys.mjs | tee seen
diff seen - <<'WANTED' && echo 'as it was seen'
1 partitions: elsewhere 0, compatibility 0
2 partitions: elsewhere 0, compatibility 0
3 partitions: elsewhere 4997, compatibility 0
4 partitions: elsewhere 0, compatibility 0
6 partitions: elsewhere 4997, compatibility 0
8 partitions: elsewhere 0, compatibility 0
12 partitions: elsewhere 4997, compatibility 0
16 partitions: elsewhere 0, compatibility 0
WANTED
