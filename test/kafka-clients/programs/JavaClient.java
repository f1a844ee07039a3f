import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.internals.AppInfoParser;

/** The Java client: requests in, answers out, a line each. */
public class JavaClient {
    static final ObjectMapper JSON = new ObjectMapper();
    static final int SECONDS_MAX = 30;
    static String bootstrap;
    static Admin admin;
    static Member member;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = input.readLine()) != null; ) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                answer.set("ok", JSON.valueToTree(answer(JSON.readTree(line))));
            } catch (Throwable error) {
                Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
                Errors known = Errors.forException(cause);
                ObjectNode told = answer.putObject("error");
                if (known == Errors.UNKNOWN_SERVER_ERROR) told.putNull("code");
                else told.put("code", known.code());
                told.put("message", cause.toString());
            }
            say(answer);
        }
        if (member != null) member.end();
        System.exit(0);
    }

    static synchronized void say(JsonNode line) {
        System.out.println(line);
    }

    static Object answer(JsonNode request) throws Exception {
        String topic = request.path("topic").asText();
        String group = request.path("group").asText();
        int partition = request.path("partition").asInt();
        List<String> topics = List.of(topic);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        switch (request.get("do").asText()) {
            case "version":
                return AppInfoParser.getVersion();
            case "produce":
                return produce(request, topic);
            case "read":
                return read(request, topic, partition);
            case "offsetAt":
                return offsetAt(new TopicPartition(topic, partition), request.get("at"));
            case "join":
                member = new Member(group, topic, request.get("protocol").asText());
                member.start();
                return null;
            case "createTopic":
                Map<String, String> configs = new HashMap<>();
                request.get("configs").fields().forEachRemaining(one -> configs.put(one.getKey(), one.getValue().asText()));
                NewTopic wanted = new NewTopic(topic, request.get("partitions").asInt(), (short) 1).configs(configs);
                return done(admin().createTopics(List.of(wanted)).all());
            case "partitionsOf":
                return done(admin().describeTopics(topics).allTopicNames()).get(topic).partitions().size();
            case "configOf":
                return done(admin().describeConfigs(List.of(resource)).all()).get(resource)
                    .get(request.get("name").asText()).value();
            case "setConfig":
                JsonNode value = request.get("value");
                ConfigEntry entry = new ConfigEntry(request.get("name").asText(), value.isNull() ? null : value.asText());
                AlterConfigOp.OpType kind = value.isNull() ? AlterConfigOp.OpType.DELETE : AlterConfigOp.OpType.SET;
                return done(admin().incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(entry, kind)))).all());
            case "addPartitions":
                return done(admin().createPartitions(Map.of(topic, NewPartitions.increaseTo(request.get("total").asInt()))).all());
            case "deleteRecords":
                RecordsToDelete before = RecordsToDelete.beforeOffset(request.get("before").asLong());
                return done(admin().deleteRecords(Map.of(new TopicPartition(topic, partition), before)).all());
            case "deleteTopic":
                return done(admin().deleteTopics(topics).all());
            case "committed":
                var offsets = done(admin().listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
                List<Long> committed = new ArrayList<>();
                for (int index = 0; index < request.get("partitions").asInt(); index++) {
                    OffsetAndMetadata told = offsets.get(new TopicPartition(topic, index));
                    committed.add(told == null ? null : (Long) told.offset());
                }
                return committed;
            case "groupState":
                return done(admin().describeConsumerGroups(List.of(group)).all()).get(group).groupState().toString();
            case "listGroups":
                return done(admin().listGroups().all()).stream().map(GroupListing::groupId).toList();
            case "deleteGroup":
                return done(admin().deleteConsumerGroups(List.of(group)).all());
            default:
                throw new IllegalArgumentException(request.toString());
        }
    }

    static <T> T done(Future<T> future) throws Exception {
        return future.get(SECONDS_MAX, TimeUnit.SECONDS);
    }

    static Admin admin() {
        if (admin == null) admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        return admin;
    }

    static byte[] bytes(JsonNode text) throws Exception {
        return text.isNull() ? null : text.binaryValue();
    }

    static Object produce(JsonNode request, String topic) throws Exception {
        Map<String, Object> settings = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "linger.ms", 20, "delivery.timeout.ms", SECONDS_MAX * 1000, "max.block.ms", 15_000,
            "request.timeout.ms", 15_000, "compression.type", request.get("codec").asText(), "acks", request.get("acks").asText(),
            "enable.idempotence", request.get("idempotent").asBoolean()));
        List<Future<RecordMetadata>> futures = new ArrayList<>();
        try (Producer<byte[], byte[]> producer =
                new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (JsonNode record : request.get("records")) {
                List<Header> headers = new ArrayList<>();
                for (JsonNode header : record.get("headers")) {
                    headers.add(new RecordHeader(header.get(0).asText(), bytes(header.get(1))));
                }
                futures.add(producer.send(new ProducerRecord<>(topic, record.get("partition").asInt(),
                    record.get("timestampMs").asLong(), bytes(record.get("key")), bytes(record.get("value")), headers)));
            }
            producer.flush();
        }
        List<Long> offsets = new ArrayList<>();
        for (Future<RecordMetadata> future : futures) {
            RecordMetadata told = done(future);
            offsets.add(told.hasOffset() ? (Long) told.offset() : null);
        }
        return offsets;
    }

    static Consumer<byte[], byte[]> consumer(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "enable.auto.commit", false, "auto.offset.reset", "earliest"));
        settings.putAll(more);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static Object read(JsonNode request, String topic, int partition) throws Exception {
        TopicPartition place = new TopicPartition(topic, partition);
        long to = request.get("to").asLong();
        ArrayNode records = JSON.createArrayNode();
        try (Consumer<byte[], byte[]> consumer = consumer(Map.of())) {
            consumer.assign(List.of(place));
            consumer.seek(place, offsetAt(place, request.get("from")));
            long untilMs = System.currentTimeMillis() + SECONDS_MAX * 1000;
            for (long last = -1; last < to - 1; ) {
                if (System.currentTimeMillis() > untilMs) throw new TimeoutException(records.size() + " records, and no more");
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    last = record.offset();
                    if (last >= to) break;
                    ObjectNode told = records.addObject()
                        .put("offset", last).put("timestampMs", record.timestamp())
                        .put("key", record.key()).put("value", record.value());
                    ArrayNode headers = told.putArray("headers");
                    for (Header header : record.headers()) headers.addArray().add(header.key()).add(header.value());
                }
            }
        }
        return records;
    }

    static Long offsetAt(TopicPartition place, JsonNode at) throws Exception {
        if (at.has("offset")) return at.get("offset").asLong();
        OffsetSpec spec = at.has("timeMs") ? OffsetSpec.forTimestamp(at.get("timeMs").asLong())
            : at.asText().equals("earliest") ? OffsetSpec.earliest() : OffsetSpec.latest();
        long offset = done(admin().listOffsets(Map.of(place, spec)).all()).get(place).offset();
        return offset < 0 ? null : (Long) offset;
    }

    static class Member extends Thread {
        final String topic;
        final Consumer<byte[], byte[]> consumer;
        volatile boolean isEnding = false;

        Member(String group, String topic, String protocol) {
            this.topic = topic;
            Map<String, Object> settings = new HashMap<>(Map.of("group.id", group, "group.protocol", protocol, "max.poll.records", 1));
            if (protocol.equals("classic")) settings.putAll(Map.of("session.timeout.ms", 6000, "heartbeat.interval.ms", 500));
            consumer = consumer(settings);
        }

        @Override
        public void run() {
            consumer.subscribe(List.of(topic));
            Set<TopicPartition> told = null;
            while (!isEnding) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
                Set<TopicPartition> now = consumer.assignment();
                if (!now.equals(told)) {
                    told = Set.copyOf(now);
                    ObjectNode line = JSON.createObjectNode();
                    ArrayNode partitions = line.putObject("event").putArray("partitions");
                    now.stream().mapToInt(TopicPartition::partition).sorted().forEach(partitions::add);
                    say(line);
                }
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    ObjectNode line = JSON.createObjectNode();
                    line.putObject("event").put("value", new String(record.value()));
                    say(line);
                }
                try {
                    if (!records.isEmpty()) consumer.commitSync();
                } catch (RuntimeException error) {
                    // Moved away meanwhile: who has it now reads it again.
                }
            }
            consumer.close();
        }

        void end() throws InterruptedException {
            isEnding = true;
            join();
        }
    }
}
