import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/**
 * How fast transactions are, and how soon they are read: BOOTSTRAP TOPIC PARTITIONS RECORDS SECONDS. One producer sends
 * transactions of so many records, one after the other; then one sends fifty transactions a second, and a reader of what is committed
 * tells how old each record is. Prints transactions a second, and p50, p99 in milliseconds.
 */
public class TransactionBench {
    static final int RECORD_BYTES = 200;
    static final int WARMUP_SECONDS = 5;
    static final int PACED_PER_SECOND = 50;

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0], topic = args[1];
        int partitions = Integer.parseInt(args[2]), records = Integer.parseInt(args[3]), seconds = Integer.parseInt(args[4]);
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "transactional.id", "bench-" + topic, "linger.ms", 5);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.initTransactions();
            send(producer, topic, partitions, records, WARMUP_SECONDS, 0);
            double perSecond = send(producer, topic, partitions, records, seconds, 0);
            Latencies latencies = new Latencies(bootstrap, topic, partitions);
            latencies.start();
            latencies.ready.await();
            send(producer, topic, partitions, records, WARMUP_SECONDS, PACED_PER_SECOND);
            latencies.forget();
            send(producer, topic, partitions, records, seconds, PACED_PER_SECOND);
            Thread.sleep(1000);
            System.out.printf(Locale.ROOT, "{\"transactionsPerSecond\":%.1f,%s}%n", perSecond, latencies.told());
        }
        System.exit(0);
    }

    /** Transactions a second. */
    static double send(KafkaProducer<byte[], byte[]> producer, String topic, int partitions, int records, int seconds, int pace) throws Exception {
        long started = System.nanoTime(), count = 0;
        while (System.nanoTime() - started < seconds * 1_000_000_000L) {
            if (pace > 0) {
                long due = started + count * 1_000_000_000L / pace;
                long wait = due - System.nanoTime();
                if (wait > 0) TimeUnit.NANOSECONDS.sleep(wait);
            }
            producer.beginTransaction();
            for (int index = 0; index < records; index++)
                producer.send(new ProducerRecord<>(topic, index % partitions, System.currentTimeMillis(), null, new byte[RECORD_BYTES]));
            producer.commitTransaction();
            count++;
        }
        return count * 1e9 / (System.nanoTime() - started);
    }

    static class Latencies extends Thread {
        final CountDownLatch ready = new CountDownLatch(1);
        final KafkaConsumer<byte[], byte[]> consumer;
        final List<Long> ages = new ArrayList<>();

        Latencies(String bootstrap, String topic, int partitions) {
            consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed"), new ByteArrayDeserializer(), new ByteArrayDeserializer());
            List<TopicPartition> all = new ArrayList<>();
            for (int index = 0; index < partitions; index++) all.add(new TopicPartition(topic, index));
            consumer.assign(all);
            consumer.seekToEnd(all);
            for (TopicPartition one : all) consumer.position(one);
            setDaemon(true);
        }

        public void run() {
            ready.countDown();
            for (;;) {
                ConsumerRecords<byte[], byte[]> polled = consumer.poll(Duration.ofMillis(500));
                long now = System.currentTimeMillis();
                synchronized (ages) {
                    for (ConsumerRecord<byte[], byte[]> one : polled) ages.add(now - one.timestamp());
                }
            }
        }

        void forget() {
            synchronized (ages) {
                ages.clear();
            }
        }

        String told() {
            synchronized (ages) {
                Collections.sort(ages);
                int count = ages.size();
                return String.format(Locale.ROOT, "\"read\":%d,\"p50Ms\":%d,\"p99Ms\":%d", count, ages.get(count / 2), ages.get(count * 99 / 100));
            }
        }
    }
}
