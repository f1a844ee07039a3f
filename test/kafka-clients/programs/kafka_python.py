"""kafka-python, which is Python alone."""

import re
import sys
import threading

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import BrokerResponseError, KafkaError
from lines import Refused, decoded, encoded, serve, tell

SECONDS_MAX = 30


class Client:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self._admin = None
        self.member = None

    @property
    def admin(self):
        if self._admin is None:
            self._admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        return self._admin

    def code_of(self, error):
        return error.errno if isinstance(error, BrokerResponseError) and error.errno > 0 else None

    def close(self):
        if self.member is not None:
            self.member.stop()

    def version(self):
        return kafka.__version__

    def produce(self, topic, codec, acks, idempotent, records):
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap,
            compression_type=None if codec == "none" else codec,
            acks="all" if acks == "all" else int(acks),
            enable_idempotence=idempotent,
            linger_ms=20,
            request_timeout_ms=15_000,
            delivery_timeout_ms=SECONDS_MAX * 1000,
            max_block_ms=SECONDS_MAX * 1000,
        )
        try:
            futures = [
                producer.send(
                    topic,
                    partition=record["partition"],
                    key=decoded(record["key"]),
                    value=decoded(record["value"]),
                    headers=[(name, decoded(value)) for name, value in record["headers"]],
                    timestamp_ms=record["timestampMs"],
                )
                for record in records
            ]
            producer.flush(SECONDS_MAX)
            offsets = [future.get(SECONDS_MAX).offset for future in futures]
            return [offset if offset >= 0 else None for offset in offsets]
        finally:
            producer.close(5)

    def read(self, topic, partition, to, **place):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, consumer_timeout_ms=SECONDS_MAX * 1000)
        try:
            assigned = TopicPartition(topic, partition)
            consumer.assign([assigned])
            consumer.seek(assigned, self._offset(consumer, assigned, place["from"]))
            records = []
            for record in consumer:
                if record.offset < to:
                    records.append(
                        {
                            "offset": record.offset,
                            "timestampMs": record.timestamp,
                            "key": encoded(record.key),
                            "value": encoded(record.value),
                            "headers": [[name, encoded(value)] for name, value in record.headers],
                        }
                    )
                if record.offset >= to - 1:
                    return records
            raise TimeoutError(f"{len(records)} records, and no more")
        finally:
            consumer.close()

    def offsetAt(self, topic, partition, at):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap)
        try:
            return self._offset(consumer, TopicPartition(topic, partition), at)
        finally:
            consumer.close()

    def _offset(self, consumer, place, at):
        if at == "earliest":
            return consumer.beginning_offsets([place])[place]
        if at == "latest":
            return consumer.end_offsets([place])[place]
        if "offset" in at:
            return at["offset"]
        found = consumer.offsets_for_times({place: at["timeMs"]})[place]
        return None if found is None else found.offset

    def createTopic(self, topic, partitions, configs):
        self.admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])

    def partitionsOf(self, topic):
        (described,) = self.admin.describe_topics([topic])
        if described["error_code"] != 0:
            raise Refused(described["error_code"], str(described))
        return len(described["partitions"])

    def configOf(self, topic, name):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        return self.admin.describe_configs([resource], config_filter="all")["topic"][topic][name]["value"]

    def setConfig(self, topic, name, value):
        if value is None:
            told = self.admin.reset_configs([ConfigResource(ConfigResourceType.TOPIC, topic, [name])])
        else:
            told = self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])
        self.check(told["topic"][topic])

    def check(self, told):
        """Some answers hold their error as text."""
        error = re.search(r"\[Error (\d+)\]", str(told))
        if error:
            raise Refused(int(error[1]), told)

    def addPartitions(self, topic, total):
        self.admin.create_partitions({topic: NewPartitions(total)})

    def deleteRecords(self, topic, partition, before):
        self.admin.delete_records({TopicPartition(topic, partition): before})

    def deleteTopic(self, topic):
        self.admin.delete_topics([topic])

    def committed(self, group, topic, partitions):
        found = self.admin.list_group_offsets({group: [TopicPartition(topic, index) for index in range(partitions)]})
        offsets = {place.partition: told.offset for place, told in found[group].items()}
        return [offsets[index] if offsets.get(index, -1) >= 0 else None for index in range(partitions)]

    def groupState(self, group):
        return self.admin.describe_groups([group])[group]["group_state"]

    def listGroups(self):
        return [group["group_id"] for group in self.admin.list_groups()]

    def deleteGroup(self, group):
        told = self.admin.delete_groups([group])[group]
        if told != "OK":
            raise Refused(None, told)

    def join(self, group, topic, protocol):
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=6000,
            heartbeat_interval_ms=500,
            max_poll_records=1,
        )
        self.member = Member(consumer, topic)


class Member(threading.Thread):
    def __init__(self, consumer, topic):
        super().__init__()
        self.consumer = consumer
        self.stopping = False
        consumer.subscribe([topic])
        self.start()

    def run(self):
        partitions = None
        while not self.stopping:
            polled = self.consumer.poll(100)
            now = sorted(place.partition for place in self.consumer.assignment())
            if now != partitions:
                partitions = now
                tell(partitions=partitions)
            for record in [record for records in polled.values() for record in records]:
                tell(value=record.value.decode())
                try:
                    self.consumer.commit()
                except KafkaError:
                    pass  # Moved away meanwhile: who has it now reads it again.
        self.consumer.close()

    def stop(self):
        self.stopping = True
        self.join()


serve(Client(sys.argv[1]))
