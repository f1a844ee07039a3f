import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.internals.AppInfoParser;

/** Transactions of the Java client: requests in, answers out, a line each. */
public class JavaTransactions {
    static final ObjectMapper JSON = new ObjectMapper();
    static final int SECONDS_MAX = 30;
    static String bootstrap;
    static final Map<String, KafkaProducer<String, String>> producers = new HashMap<>();
    static KafkaConsumer<String, String> reader;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = input.readLine()) != null; ) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                answer.set("ok", JSON.valueToTree(answer(JSON.readTree(line))));
            } catch (Throwable error) {
                Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
                // What ends a producer for good wraps what it was told.
                while (Errors.forException(cause) == Errors.UNKNOWN_SERVER_ERROR && cause.getCause() != null) cause = cause.getCause();
                Errors known = Errors.forException(cause);
                ObjectNode told = answer.putObject("error");
                if (known == Errors.UNKNOWN_SERVER_ERROR) told.putNull("code");
                else told.put("code", known.code());
                told.put("message", cause.toString());
            }
            say(answer);
        }
        System.exit(0);
    }

    static synchronized void say(JsonNode line) {
        System.out.println(line);
    }

    // Groups are named here without any member.
    @SuppressWarnings("removal")
    static Object answer(JsonNode request) throws Exception {
        String topic = request.path("topic").asText();
        String as = request.path("as").asText();
        KafkaProducer<String, String> producer = producers.get(as);
        switch (request.get("do").asText()) {
            case "version":
                return AppInfoParser.getVersion();
            case "open":
                KafkaProducer<String, String> opened = open(request.get("id").asText(), request.get("timeoutMs").asInt());
                producers.put(as, opened);
                opened.initTransactions();
                return null;
            case "begin":
                producer.beginTransaction();
                return null;
            case "send":
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (JsonNode one : request.get("records"))
                    sent.add(producer.send(new ProducerRecord<>(topic, one.get(0).asInt(), null, one.get(1).asText())));
                producer.flush();
                List<Long> offsets = new ArrayList<>();
                for (Future<RecordMetadata> one : sent) offsets.add(one.get(SECONDS_MAX, TimeUnit.SECONDS).offset());
                return offsets;
            case "sendOffset":
                producer.sendOffsetsToTransaction(
                    Map.of(new TopicPartition(topic, request.get("partition").asInt()), new OffsetAndMetadata(request.get("offset").asLong())),
                    new ConsumerGroupMetadata(request.get("group").asText()));
                return null;
            case "commit":
                producer.commitTransaction();
                return null;
            case "abort":
                producer.abortTransaction();
                return null;
            case "close":
                producers.remove(as).close(Duration.ofSeconds(1));
                return null;
            case "assign":
                if (reader != null) reader.close();
                reader = new KafkaConsumer<>(consumer(null));
                List<TopicPartition> partitions = new ArrayList<>();
                for (int index = 0; index < request.get("partitions").asInt(); index++) partitions.add(new TopicPartition(topic, index));
                reader.assign(partitions);
                reader.seekToBeginning(partitions);
                return null;
            case "poll":
                List<Object> polled = new ArrayList<>();
                for (ConsumerRecord<String, String> one : reader.poll(Duration.ofMillis(request.get("ms").asInt())))
                    polled.add(List.of(one.partition(), one.offset(), one.value()));
                return polled;
            case "process":
                Thread thread = new Thread(() -> process(request));
                thread.setDaemon(true);
                thread.start();
                return null;
            default:
                throw new IllegalArgumentException(request.toString());
        }
    }

    static KafkaProducer<String, String> open(String id, int timeoutMs) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("transactional.id", id);
        settings.put("transaction.timeout.ms", timeoutMs);
        settings.put("max.block.ms", SECONDS_MAX * 1000);
        settings.put("request.timeout.ms", 5_000);
        settings.put("delivery.timeout.ms", SECONDS_MAX * 1000);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    static Properties consumer(String group) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("key.deserializer", StringDeserializer.class.getName());
        settings.put("value.deserializer", StringDeserializer.class.getName());
        settings.put("isolation.level", "read_committed");
        settings.put("enable.auto.commit", false);
        settings.put("auto.offset.reset", "earliest");
        settings.put("request.timeout.ms", 5_000);
        if (group != null) {
            settings.put("group.id", group);
            settings.put("session.timeout.ms", 6_000);
            settings.put("heartbeat.interval.ms", 1_000);
        }
        return settings;
    }

    /** Reads, writes what it has read, and commits where it is, all in one transaction; for ever, or until it cannot go on. */
    static void process(JsonNode request) {
        String from = request.get("from").asText(), to = request.get("to").asText();
        KafkaConsumer<String, String> consumer = null;
        KafkaProducer<String, String> producer = null;
        try {
            Properties settings = consumer(request.get("group").asText());
            String protocol = request.path("protocol").asText("classic");
            if (protocol.equals("consumer")) {
                settings.remove("session.timeout.ms");
                settings.remove("heartbeat.interval.ms");
            }
            settings.put("group.protocol", protocol);
            settings.put("max.poll.records", request.path("each").asInt(50));
            consumer = new KafkaConsumer<>(settings);
            producer = open(request.get("id").asText(), request.path("timeoutMs").asInt(10_000));
            producer.initTransactions();
            consumer.subscribe(List.of(from));
            for (;;) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
                if (records.isEmpty()) continue;
                try {
                    producer.beginTransaction();
                    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                    for (ConsumerRecord<String, String> one : records) {
                        producer.send(new ProducerRecord<>(to, one.partition(), null, one.value()));
                        offsets.put(new TopicPartition(from, one.partition()), new OffsetAndMetadata(one.offset() + 1));
                    }
                    producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                    producer.commitTransaction();
                    ObjectNode told = JSON.createObjectNode();
                    told.putObject("event").put("processed", records.count());
                    say(told);
                } catch (ProducerFencedException | InvalidProducerEpochException | OutOfOrderSequenceException | AuthorizationException ended) {
                    throw ended;
                } catch (KafkaException failed) {
                    producer.abortTransaction();
                    goBack(consumer);
                }
            }
        } catch (Throwable ended) {
            System.err.println(ended);
            System.exit(3);
        }
    }

    /** To what is committed: so the next transaction reads what this one has not written. */
    static void goBack(KafkaConsumer<String, String> consumer) {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        for (TopicPartition partition : consumer.assignment()) {
            OffsetAndMetadata told = committed.get(partition);
            if (told == null) consumer.seekToBeginning(List.of(partition));
            else consumer.seek(partition, told.offset());
        }
    }
}
