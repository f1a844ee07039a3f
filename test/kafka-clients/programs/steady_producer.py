"""
An idempotent producer of librdkafka's that writes until its input ends: steady_producer.py BOOTSTRAP TOPIC PARTITIONS. The records of a
partition have the keys 0, 1, 2, …. Tells now and then how many are acknowledged, and at its end the offset of each.
"""

import json
import sys
import threading
import time

from confluent_kafka import Producer

WAITING_MAX = 2_000
RECORDS_AT_ONCE = 5
TELL_SECONDS = 0.05
FLUSH_SECONDS_MAX = 120
PADDING = "tide" * 50

bootstrap, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
offsets = [[] for _ in range(partitions)]
failures = []
acknowledged = 0
is_ending = threading.Event()


def until_input_ends():
    sys.stdin.read()
    is_ending.set()


def deliver_to(partition, number):
    def delivered(error, message):
        global acknowledged
        if error is not None:
            failures.append(f"{partition}/{number}: {error}")
            return
        offsets[partition][number] = message.offset()
        acknowledged += 1

    return delivered


def tell(**what):
    print(json.dumps(what), flush=True)


threading.Thread(target=until_input_ends, daemon=True).start()
producer = Producer(
    {
        "bootstrap.servers": bootstrap,
        "enable.idempotence": True,
        "linger.ms": 2,
        # Many requests, of which several are under way at any moment.
        "batch.num.messages": 50,
        "reconnect.backoff.max.ms": 200,
        "delivery.timeout.ms": FLUSH_SECONDS_MAX * 1000,
        "topic.metadata.refresh.interval.ms": 1_000,
    }
)
told_at = 0.0
while not is_ending.is_set():
    if time.monotonic() > told_at + TELL_SECONDS:
        told_at = time.monotonic()
        tell(acknowledged=acknowledged)
    if len(producer) >= WAITING_MAX:
        producer.poll(0.01)
        continue
    for partition in [*range(partitions)] * RECORDS_AT_ONCE:
        number = len(offsets[partition])
        offsets[partition].append(None)
        producer.produce(
            topic,
            partition=partition,
            key=str(number),
            value=f"{partition}/{number} {PADDING}",
            on_delivery=deliver_to(partition, number),
        )
    producer.poll(0.001)
left = producer.flush(FLUSH_SECONDS_MAX)
tell(left=left, failures=failures, offsets=offsets)
