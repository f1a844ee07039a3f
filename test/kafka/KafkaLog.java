import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes to a Kafka and reads from it, a line of commands at a time; each is answered by lines and an empty one:
 *
 *   create TOPIC PARTITIONS name=value,name=value
 *   produce TOPIC CODEC PARTITION TIMESTAMP KEY VALUE     in Base64; a value of - is null. Answered once "flush" comes
 *   flush
 *   read TOPIC PARTITIONS                                 partition, offset, key, value, tabs between
 */
public class KafkaLog {
  public static void main(String[] args) throws Exception {
    String servers = args[0];
    Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
    KafkaProducer<byte[], byte[]> last = null;
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = lines.readLine()) != null; ) {
      String[] words = line.split(" ");
      switch (words[0]) {
        case "create":
          create(servers, words);
          System.out.println();
          break;
        case "produce":
          KafkaProducer<byte[], byte[]> producer = producers.computeIfAbsent(words[2], codec -> producer(servers, codec));
          // The order is that of the lines, whoever sends them.
          if (last != null && last != producer) last.flush();
          last = producer;
          byte[] value = words[6].equals("-") ? null : Base64.getDecoder().decode(words[6]);
          producer.send(new ProducerRecord<>(words[1], Integer.valueOf(words[3]), Long.valueOf(words[4]),
              Base64.getDecoder().decode(words[5]), value), (metadata, error) -> {
                if (error != null) { error.printStackTrace(); System.exit(1); }
              });
          break;
        case "flush":
          if (last != null) last.flush();
          System.out.println();
          break;
        case "read":
          read(servers, words[1], Integer.parseInt(words[2]));
          System.out.println();
          break;
        default:
          throw new IllegalArgumentException(line);
      }
      System.out.flush();
    }
    producers.values().forEach(KafkaProducer::close);
  }

  private static void create(String servers, String[] words) throws Exception {
    Map<String, String> configs = new HashMap<>();
    for (String each : words[3].split(",")) configs.put(each.split("=")[0], each.split("=")[1]);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
      NewTopic topic = new NewTopic(words[1], Integer.parseInt(words[2]), (short) 1).configs(configs);
      admin.createTopics(List.of(topic)).all().get();
    }
  }

  private static KafkaProducer<byte[], byte[]> producer(String servers, String codec) {
    Map<String, Object> settings = Map.of("bootstrap.servers", servers, "compression.type", codec,
        "batch.size", 1000, "linger.ms", 5, "acks", "all");
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static void read(String servers, String topic, int partitions) {
    List<TopicPartition> all = new ArrayList<>();
    for (int partition = 0; partition < partitions; partition++) all.add(new TopicPartition(topic, partition));
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", servers),
        new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(all);
      consumer.seekToBeginning(all);
      Map<TopicPartition, Long> ends = consumer.endOffsets(all);
      Base64.Encoder base64 = Base64.getEncoder();
      while (all.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        consumer.poll(Duration.ofMillis(200)).forEach(record -> System.out.println(record.partition() + "\t"
            + record.offset() + "\t" + base64.encodeToString(record.key()) + "\t"
            + (record.value() == null ? "-" : base64.encodeToString(record.value()))));
      }
    }
  }
}
