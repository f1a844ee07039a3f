import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Counts words: a topic for repartitioning between lines and words, a store of counts, and its changelog. BOOTSTRAP NAME FOLDER
 * [exactly_once_v2], which takes Streams' own commit interval.
 */
public class WordCount {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("application.id", args[1]);
        settings.put("state.dir", args[2]);
        settings.put("num.stream.threads", 2);
        if (args.length > 3) settings.put("processing.guarantee", args[3]);
        else settings.put("commit.interval.ms", 500);
        settings.put("statestore.cache.max.bytes", 0);
        settings.put("session.timeout.ms", 6000);
        settings.put("auto.offset.reset", "earliest");

        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> lines = builder.stream("lines", Consumed.with(Serdes.String(), Serdes.String()));
        lines.flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.with("words", Serdes.String(), Serdes.String()))
            .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts")
                .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .toStream()
            .mapValues(count -> Long.toString(count))
            .to("counted", Produced.with(Serdes.String(), Serdes.String()));

        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.setStateListener((now, before) -> System.out.println(now));
        streams.setUncaughtExceptionHandler(error -> {
            System.out.println("failed: " + error);
            error.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        long[] restored = new long[1];
        streams.setGlobalStateRestoreListener(new StateRestoreListener() {
            public void onRestoreStart(TopicPartition partition, String store, long start, long end) {}
            public void onBatchRestored(TopicPartition partition, String store, long end, long count) {}
            public synchronized void onRestoreEnd(TopicPartition partition, String store, long total) {
                restored[0] += total;
                System.out.println("restored " + restored[0]);
            }
        });
        streams.start();
        if (args.length > 3) tellRequests(streams);
        // The end of the input tells it to end.
        while (System.in.read() >= 0) {}
        streams.close(Duration.ofSeconds(20));
        System.exit(0);
    }

    /** Each second, how many requests its clients have made so far. */
    static void tellRequests(KafkaStreams streams) {
        Thread thread = new Thread(() -> {
            for (;;) {
                double producers = 0, consumers = 0;
                for (Map.Entry<MetricName, ? extends Metric> one : streams.metrics().entrySet()) {
                    if (!one.getKey().name().equals("request-total")) continue;
                    double value = (Double) one.getValue().metricValue();
                    if (one.getKey().group().equals("producer-metrics")) producers += value;
                    if (one.getKey().group().equals("consumer-metrics")) consumers += value;
                }
                System.out.printf("requests %.0f %.0f%n", producers, consumers);
                try {
                    Thread.sleep(1000);
                } catch (InterruptedException ended) {
                    return;
                }
            }
        });
        thread.setDaemon(true);
        thread.start();
    }
}
