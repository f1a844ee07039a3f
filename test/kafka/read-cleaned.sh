#!/bin/sh
# Batches as the cleaner leaves them, read by the Java client's own reader and by ours: both must see the same.
# Needs a JDK, and KAFKA_LIBS: a folder with the jars of kafka-clients 4.4 and of the codecs that it uses, as Kafka has one.
#
#   KAFKA_LIBS=~/kafka/libs test/kafka/read-cleaned.sh
set -eu
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
node "$here/cleaned-batches.ts" "$work/cleaned.bin" > "$work/ours.txt"
java -cp "$KAFKA_LIBS/*" "$here/CleanedBatches.java" "$work/cleaned.bin" > "$work/theirs.txt" 2> "$work/log.txt" ||
  { cat "$work/log.txt" >&2; exit 1; }
diff "$work/ours.txt" "$work/theirs.txt"
echo "the same: $(grep -c ^batch "$work/ours.txt") batches, $(grep -vc ^batch "$work/ours.txt") records"
