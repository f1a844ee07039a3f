import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/** Reads record batches with the Java client's own reader, and prints what is in them, a line a record. */
public class CleanedBatches {
  public static void main(String[] arguments) throws Exception {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(Path.of(arguments[0])));
    MemoryRecords records = MemoryRecords.readableRecords(bytes);
    for (RecordBatch batch : records.batches()) {
      batch.ensureValid();
      System.out.println("batch " + batch.baseOffset() + " " + batch.lastOffset() + " " + batch.compressionType().name
          + " " + batch.countOrNull() + " " + batch.maxTimestamp() + " " + batch.producerId());
      for (Record record : batch) {
        System.out.println(record.offset() + " " + record.timestamp() + " " + text(record.key()) + " "
            + text(record.value()) + " " + record.headers().length);
      }
    }
  }

  private static String text(ByteBuffer bytes) {
    if (bytes == null) return "null";
    byte[] copy = new byte[bytes.remaining()];
    bytes.get(copy);
    return new String(copy, java.nio.charset.StandardCharsets.UTF_8);
  }
}
