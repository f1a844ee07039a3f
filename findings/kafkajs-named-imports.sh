#!/usr/bin/env bash
# KafkaJS 2.2.4 is CommonJS, and Node, which reads the names of such a module from its text, finds but the first six of
# its 44: kafkajs/index.js exports one object, and the reading ends at the first value that is no plain name
# (`CompressionTypes: Compression.Types`). So `import { KafkaJSError } from 'kafkajs'` is taken by TypeScript, whose
# declarations have it, and ends an ES module before its first line: "does not provide an export named". It hurts whoever
# moves a KafkaJS program from CommonJS to ES modules, or asks with `instanceof` from `import * as kafkajs`, where the
# class is undefined. `import kafkajs from 'kafkajs'` has them all.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module" }' > package.json
npm install --silent --no-audit --no-fund kafkajs@2.2.4

cat > names.mjs <<'JS'
import * as named from 'kafkajs'
import whole from 'kafkajs'

const found = Object.keys(named).filter(name => name !== 'default' && name !== 'module.exports').sort()
const all = Object.keys(whole)
console.log(`by name: ${found.join(', ')}`)
console.log(`in all: ${all.length}; lacking, among others: ${all.filter(name => !found.includes(name)).slice(0, 6).join(', ')}`)
JS
cat > declared.mjs <<'JS'
import { KafkaJSError } from 'kafkajs'
console.log(KafkaJSError.name)
JS

echo "node $(node --version), kafkajs $(node -p "require('./node_modules/kafkajs/package.json').version")"
grep -c 'export class KafkaJSError ' node_modules/kafkajs/types/index.d.ts | sed 's/^/declared as an export: /'
node names.mjs | tee names.txt
if node declared.mjs 2> error.txt; then
  echo "changed: KafkaJSError can be imported by its name"
  exit 1
fi
grep -o 'SyntaxError:.*' error.txt
grep -q "^by name: AssignerProtocol, CompressionTypes, Kafka, PartitionAssigners, Partitioners, logLevel$" names.txt
