"""confluent-kafka, which is librdkafka."""

import sys
import threading

import confluent_kafka
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import OFFSET_BEGINNING
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from lines import Refused, decoded, encoded, serve, tell

SECONDS_MAX = 30
GROUP_STATES = {"STABLE": "Stable", "EMPTY": "Empty", "DEAD": "Dead"}


class Client:
    def __init__(self, bootstrap):
        self.basics = {"bootstrap.servers": bootstrap}
        self.admin = AdminClient(self.basics)
        self.member = None

    def code_of(self, error):
        argument = error.args[0] if isinstance(error, KafkaException) else None
        return argument.code() if argument is not None and argument.code() > 0 else None

    def close(self):
        if self.member is not None:
            self.member.stop()

    def version(self):
        return f"{confluent_kafka.version()}, librdkafka {confluent_kafka.libversion()[0]}"

    def produce(self, topic, codec, acks, idempotent, records):
        producer = Producer(
            self.basics
            | {"compression.type": codec, "acks": acks, "linger.ms": 20, "delivery.timeout.ms": SECONDS_MAX * 1000}
            | ({"enable.idempotence": True, "batch.size": 16384} if idempotent else {})
        )
        offsets = [None] * len(records)
        failures = []

        def deliver_to(index):
            def delivered(error, message):
                if error is not None:
                    failures.append(error)
                elif message.offset() is not None and message.offset() >= 0:
                    offsets[index] = message.offset()

            return delivered

        for index, record in enumerate(records):
            producer.produce(
                topic,
                partition=record["partition"],
                key=decoded(record["key"]),
                value=decoded(record["value"]),
                headers=[(name, decoded(value)) for name, value in record["headers"]],
                timestamp=record["timestampMs"],
                on_delivery=deliver_to(index),
            )
        producer.flush(SECONDS_MAX)
        if failures:
            raise KafkaException(failures[0])
        return offsets

    def read(self, topic, partition, to, **place):
        consumer = Consumer(self.basics | {"group.id": "reads-alone", "enable.auto.commit": False})
        try:
            offset = self.offsetAt(topic, partition, place["from"])
            consumer.assign([TopicPartition(topic, partition, offset)])
            records = []
            while not records or records[-1]["offset"] < to - 1:
                message = consumer.poll(SECONDS_MAX)
                if message is None:
                    raise TimeoutError(f"{len(records)} records, and no more")
                if message.error() is not None:
                    raise KafkaException(message.error())
                records.append(
                    {
                        "offset": message.offset(),
                        "timestampMs": message.timestamp()[1],
                        "key": encoded(message.key()),
                        "value": encoded(message.value()),
                        "headers": [[name, encoded(value)] for name, value in message.headers() or []],
                    }
                )
            return [record for record in records if record["offset"] < to]
        finally:
            consumer.close()

    def offsetAt(self, topic, partition, at):
        if isinstance(at, dict) and "offset" in at:
            return at["offset"]
        spec = {"earliest": OffsetSpec.earliest, "latest": OffsetSpec.latest}.get(at if isinstance(at, str) else None)
        place = TopicPartition(topic, partition)
        wanted = spec() if spec is not None else OffsetSpec.for_timestamp(at["timeMs"])
        found = self.admin.list_offsets({place: wanted}, request_timeout=SECONDS_MAX)[place].result()
        return found.offset if found.offset >= 0 else None

    def createTopic(self, topic, partitions, configs):
        done(self.admin.create_topics([NewTopic(topic, partitions, 1, config=configs)]))

    def partitionsOf(self, topic):
        # Asked for by its name, a topic is made where the broker makes topics.
        topics = self.admin.list_topics(timeout=SECONDS_MAX).topics
        if topic not in topics:
            raise Refused(KafkaError.UNKNOWN_TOPIC_OR_PART, "no such topic")
        return len(topics[topic].partitions)

    def configOf(self, topic, name):
        return done(self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))[name].value

    def setConfig(self, topic, name, value):
        operation = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
        entry = ConfigEntry(name, value, incremental_operation=operation)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        done(self.admin.incremental_alter_configs([resource]))

    def addPartitions(self, topic, total):
        done(self.admin.create_partitions([NewPartitions(topic, total)]))

    def deleteRecords(self, topic, partition, before):
        done(self.admin.delete_records([TopicPartition(topic, partition, before)]))

    def deleteTopic(self, topic):
        done(self.admin.delete_topics([topic]))

    def committed(self, group, topic, partitions):
        places = [TopicPartition(topic, partition) for partition in range(partitions)]
        found = done(self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]))
        return [place.offset if place.offset >= 0 else None for place in found.topic_partitions]

    def groupState(self, group):
        state = done(self.admin.describe_consumer_groups([group])).state.name
        return GROUP_STATES.get(state, state)

    def listGroups(self):
        return [group.group_id for group in self.admin.list_consumer_groups().result(SECONDS_MAX).valid]

    def deleteGroup(self, group):
        done(self.admin.delete_consumer_groups([group]))

    def join(self, group, topic, protocol):
        own = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500} if protocol == "classic" else {}
        consumer = Consumer(
            self.basics
            | {"group.id": group, "group.protocol": protocol, "auto.offset.reset": "earliest"}
            | {"enable.auto.commit": False}
            | own
        )
        self.member = Member(consumer, topic)


class Member(threading.Thread):
    def __init__(self, consumer, topic):
        super().__init__()
        self.consumer = consumer
        self.stopping = False
        told = lambda consumer, _: None
        consumer.subscribe([topic], on_assign=told, on_revoke=told, on_lost=told)
        self.start()

    def run(self):
        partitions = None
        while not self.stopping:
            message = self.consumer.poll(0.1)
            now = sorted(place.partition for place in self.consumer.assignment())
            if now != partitions:
                partitions = now
                tell(partitions=partitions)
            if message is None or message.error() is not None:
                continue
            tell(value=message.value().decode())
            try:
                self.consumer.commit(message, asynchronous=False)
            except KafkaException:
                pass  # Moved away meanwhile: who has it now reads it again.
        self.consumer.close()

    def stop(self):
        self.stopping = True
        self.join()


def done(futures):
    (future,) = futures.values()
    return future.result(SECONDS_MAX)


serve(Client(sys.argv[1]))
