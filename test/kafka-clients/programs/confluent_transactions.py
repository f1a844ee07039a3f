"""Transactions of confluent-kafka, which is librdkafka."""

import os
import sys
import threading

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from lines import serve, tell

SECONDS_MAX = 30


class Client:
    def __init__(self, bootstrap):
        self.basics = {"bootstrap.servers": bootstrap}
        self.producers = {}
        self.reader = None

    def code_of(self, error):
        argument = error.args[0] if isinstance(error, KafkaException) else None
        return argument.code() if argument is not None and argument.code() > 0 else None

    def close(self):
        os._exit(0)

    def version(self):
        return f"{confluent_kafka.version()}, librdkafka {confluent_kafka.libversion()[0]}"

    def open(self, **request):
        name = request["as"]
        self.producers[name] = self.producer(request["id"], request["timeoutMs"])
        self.producers[name].init_transactions(SECONDS_MAX)

    def producer(self, id, timeout_ms):
        return Producer(
            self.basics
            | {
                "transactional.id": id,
                "transaction.timeout.ms": timeout_ms,
                "message.timeout.ms": timeout_ms,
                "socket.timeout.ms": min(timeout_ms, 10_000),
                "linger.ms": 5,
            }
        )

    def begin(self, **request):
        self.producers[request["as"]].begin_transaction()

    def send(self, **request):
        producer = self.producers[request["as"]]
        records = request["records"]
        offsets = [None] * len(records)
        failures = []

        def deliver_to(index):
            def delivered(error, message):
                if error is not None:
                    failures.append(error)
                else:
                    offsets[index] = message.offset()

            return delivered

        for index, (partition, value) in enumerate(records):
            producer.produce(request["topic"], partition=partition, value=value, on_delivery=deliver_to(index))
        producer.flush(SECONDS_MAX)
        if failures:
            raise KafkaException(failures[0])
        return offsets

    def sendOffset(self, **request):
        offset = TopicPartition(request["topic"], request["partition"], request["offset"])
        member = Consumer(self.basics | {"group.id": request["group"]})
        try:
            self.producers[request["as"]].send_offsets_to_transaction(
                [offset], member.consumer_group_metadata(), SECONDS_MAX
            )
        finally:
            member.close()

    def commit(self, **request):
        self.producers[request["as"]].commit_transaction(SECONDS_MAX)

    def abort(self, **request):
        self.producers[request["as"]].abort_transaction(SECONDS_MAX)

    def assign(self, topic, partitions):
        self.reader = Consumer(self.basics | {"group.id": "reads", "enable.auto.commit": False})
        self.reader.assign([TopicPartition(topic, index, OFFSET_BEGINNING) for index in range(partitions)])

    def poll(self, ms):
        messages = self.reader.consume(500, ms / 1000)
        return [
            [message.partition(), message.offset(), message.value().decode()]
            for message in messages
            if message.error() is None
        ]

    def process(self, **request):
        threading.Thread(target=self.process_on, kwargs=request, daemon=True).start()

    def process_on(self, group, id, to, each=50, timeoutMs=10_000, protocol="classic", **request):
        """Reads, writes what it has read, and commits where it is, in one transaction; until it cannot go on."""
        sessions = {} if protocol == "consumer" else {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 1_000}
        try:
            consumer = Consumer(
                self.basics
                | sessions
                | {
                    "group.id": group,
                    "group.protocol": protocol,
                    "enable.auto.commit": False,
                    "auto.offset.reset": "earliest",
                }
            )
            producer = self.producer(id, timeoutMs)
            producer.init_transactions(SECONDS_MAX)
            consumer.subscribe([request["from"]])
            while True:
                messages = [one for one in consumer.consume(each, 0.2) if one.error() is None]
                if not messages:
                    continue
                producer.begin_transaction()
                try:
                    ends = {}
                    for message in messages:
                        producer.produce(to, partition=message.partition(), value=message.value())
                        ends[message.partition()] = message.offset() + 1
                    offsets = [TopicPartition(request["from"], partition, end) for partition, end in ends.items()]
                    metadata = consumer.consumer_group_metadata()
                    producer.send_offsets_to_transaction(offsets, metadata, SECONDS_MAX)
                    self.commit_it(producer)
                    tell(processed=len(messages))
                except KafkaException as failed:
                    if not failed.args[0].txn_requires_abort():
                        raise
                    producer.abort_transaction(SECONDS_MAX)
                    self.go_back(consumer)
        except Exception as ended:
            print(ended, file=sys.stderr)
            os._exit(3)

    def commit_it(self, producer):
        while True:
            try:
                producer.commit_transaction(SECONDS_MAX)
                return
            except KafkaException as failed:
                if not failed.args[0].retriable():
                    raise

    def go_back(self, consumer):
        """To what is committed: so the next transaction reads what this one has not written."""
        for told in consumer.committed(consumer.assignment(), SECONDS_MAX):
            if told.offset < 0:
                told.offset = OFFSET_BEGINNING
            consumer.seek(told)


serve(Client(sys.argv[1]))
