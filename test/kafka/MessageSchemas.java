import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Supplier;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Writes the schemas of every message that kafka-clients carries, of every version, as JSON; beside them the defaults of
 * their fields, which are those of a new object, and an example of each version as bytes. What examples are filled
 * with counts up in the order of the fields: test/gateway/wire/counted-messages.ts does the same.
 */
class MessageSchemas {
  public static void main(String[] args) {
    List<String> lines = new ArrayList<>();
    for (ApiMessageType api : ApiMessageType.values()) {
      // An API that has gone has no versions left.
      if (api.lowestSupportedVersion() > api.highestSupportedVersion(true)) continue;
      lines.add(message(api, "request", api.requestSchemas(), api::newRequest));
      lines.add(message(api, "response", api.responseSchemas(), api::newResponse));
    }
    lines.add(data("ConsumerProtocolSubscription", ConsumerProtocolSubscription.SCHEMAS, ConsumerProtocolSubscription::new));
    lines.add(data("ConsumerProtocolAssignment", ConsumerProtocolAssignment.SCHEMAS, ConsumerProtocolAssignment::new));
    System.out.println("[" + String.join(",\n", lines) + "]");
  }

  static String message(ApiMessageType api, String side, Schema[] schemas, Supplier<ApiMessage> empty) {
    List<String> versions = new ArrayList<>();
    for (short version = 0; version < schemas.length; version++) {
      if (schemas[version] == null) continue;
      short header = side.equals("request") ? api.requestHeaderVersion(version) : api.responseHeaderVersion(version);
      versions.add("{\"version\":" + version + ",\"header\":" + header + ",\"fields\":" + fields(schemas[version]) + example(empty.get(), schemas[version], version) + "}");
    }
    return "{\"key\":" + api.apiKey() + ",\"name\":\"" + api.name + "\",\"side\":\"" + side + "\",\"versions\":["
        + String.join(",", versions) + "],\"defaults\":" + defaults(empty.get()) + "}";
  }

  static String data(String name, Schema[] schemas, Supplier<Message> empty) {
    List<String> versions = new ArrayList<>();
    for (int version = 0; version < schemas.length; version++) {
      versions.add("{\"version\":" + version + ",\"fields\":" + fields(schemas[version]) + example(empty.get(), schemas[version], (short) version) + "}");
    }
    return "{\"name\":\"" + name + "\",\"side\":\"data\",\"versions\":[" + String.join(",", versions) + "],\"defaults\":" + defaults(empty.get()) + "}";
  }

  static String fields(Schema schema) {
    List<String> all = new ArrayList<>();
    for (BoundField bound : schema.fields()) {
      if (bound.def.type instanceof TaggedFields tagged) {
        tagged.fields().forEach((tag, field) -> all.add(field(field, tag)));
        all.add("{\"name\":\"_tagged\"}");
      } else {
        all.add(field(bound.def, -1));
      }
    }
    return "[" + String.join(",", all) + "]";
  }

  static String field(org.apache.kafka.common.protocol.types.Field field, int tag) {
    return "{\"name\":\"" + field.name + "\"," + (tag >= 0 ? "\"tag\":" + tag + "," : "") + type(field.type) + "}";
  }

  static String type(org.apache.kafka.common.protocol.types.Type type) {
    String text = "\"nullable\":" + type.isNullable();
    if (type.isArray()) {
      String lengths = type.getClass().getSimpleName().startsWith("Compact") ? "COMPACT_ARRAY" : "ARRAY";
      return text + ",\"type\":\"" + lengths + "\",\"of\":{" + type(type.arrayElementType().get()) + "}";
    }
    if (type instanceof Schema schema) return text + ",\"type\":\"STRUCT\",\"fields\":" + fields(schema);
    return text + ",\"type\":\"" + type + "\"";
  }

  static String defaults(Object empty) {
    List<String> all = new ArrayList<>();
    for (Field field : empty.getClass().getDeclaredFields()) {
      if (Modifier.isStatic(field.getModifiers()) || Arrays.asList("_unknownTaggedFields", "next", "prev").contains(field.getName())) continue;
      try {
        field.setAccessible(true);
        Object value = field.get(empty);
        all.add("\"" + field.getName() + "\":{\"value\":" + value(value) + inner(field, value) + "}");
      } catch (ReflectiveOperationException error) {
        throw new IllegalStateException(error);
      }
    }
    return "{" + String.join(",", all) + "}";
  }

  static String example(Message message, Schema schema, short version) {
    fill(message, schema, new Counter());
    ObjectSerializationCache cache = new ObjectSerializationCache();
    ByteBufferAccessor bytes = new ByteBufferAccessor(ByteBuffer.allocate(message.size(cache, version)));
    message.write(bytes, cache, version);
    return ",\"example\":\"" + HexFormat.of().formatHex(bytes.buffer().array()) + "\"";
  }

  static final class Counter {
    private int count = 0;

    int next() {
      return ++count;
    }
  }

  static void fill(Message message, Schema schema, Counter counter) {
    for (BoundField bound : schema.fields()) {
      if (bound.def.type instanceof TaggedFields tagged) {
        for (var field : tagged.fields().values()) {
          if (counter.next() % 3 != 0) set(message, field.name, field.type, counter);
        }
      } else {
        set(message, bound.def.name, bound.def.type, counter);
      }
    }
  }

  static void set(Message message, String name, org.apache.kafka.common.protocol.types.Type type, Counter counter) {
    try {
      Field field = fieldOf(message.getClass(), name.replace("_", ""));
      field.setAccessible(true);
      field.set(message, filled(field, type, counter));
    } catch (ReflectiveOperationException error) {
      throw new IllegalStateException(error);
    }
  }

  static Object filled(Field field, org.apache.kafka.common.protocol.types.Type type, Counter counter) throws ReflectiveOperationException {
    if (type.isNullable() && counter.next() % 4 == 0) return null;
    if (type instanceof Schema schema) return element(field.getType(), schema, counter);
    if (!type.isArray()) return primitive(type.toString(), field.getType(), counter.next());
    @SuppressWarnings("unchecked")
    Collection<Object> elements = field.getType() == List.class ? new ArrayList<>() : (Collection<Object>) create(field.getType());
    int size = 1 + counter.next() % 2;
    var of = type.arrayElementType().get();
    for (int index = 0; index < size; index++) {
      elements.add(of instanceof Schema schema ? element(elementOf(field), schema, counter) : primitive(of.toString(), null, counter.next()));
    }
    return elements;
  }

  static Object element(Class<?> of, Schema schema, Counter counter) throws ReflectiveOperationException {
    Message message = (Message) create(of);
    fill(message, schema, counter);
    return message;
  }

  static Object create(Class<?> of) throws ReflectiveOperationException {
    var constructor = of.getDeclaredConstructor();
    constructor.setAccessible(true);
    return constructor.newInstance();
  }

  static Object primitive(String type, Class<?> javaType, int count) {
    switch (type.replace("COMPACT_", "").replace("NULLABLE_", "")) {
      case "INT8": return (byte) (count % 100);
      case "INT16": return (short) (count * 7);
      case "UINT16": return count * 7;
      case "INT32": return count * 1_000_003;
      case "INT64": return count * 5_000_000_029L;
      case "FLOAT64": return count + 0.5;
      case "BOOLEAN": return count % 2 == 1;
      case "UUID": return new Uuid(count, -count);
      case "STRING": return "é" + "x".repeat(count % 7);
      case "RECORDS": return MemoryRecords.readableRecords(ByteBuffer.wrap(new byte[] {(byte) count, 1, 2}));
      default:
        byte[] bytes = {(byte) count, 3};
        return javaType == ByteBuffer.class ? ByteBuffer.wrap(bytes) : bytes;
    }
  }

  static Field fieldOf(Class<?> of, String name) {
    return Arrays.stream(of.getDeclaredFields()).filter(field -> field.getName().equalsIgnoreCase(name)).findFirst().get();
  }

  static String value(Object value) {
    if (value == null) return "null";
    if (value instanceof Number || value instanceof Boolean) return value.toString();
    if (value instanceof Collection<?> || value instanceof byte[] || value instanceof ByteBuffer) return "[]";
    if (value instanceof Message) return "{}";
    return "\"" + value + "\"";
  }

  /** The defaults inside a structure, or inside an array's elements. */
  static String inner(Field field, Object value) throws ReflectiveOperationException {
    Class<?> of = Message.class.isAssignableFrom(field.getType()) ? field.getType() : elementOf(field);
    if (of == null) return "";
    return ",\"fields\":" + defaults(create(of));
  }

  static Class<?> elementOf(Field field) {
    for (Type type : new Type[] {field.getGenericType(), field.getType().getGenericSuperclass()}) {
      if (type instanceof ParameterizedType of && of.getActualTypeArguments()[0] instanceof Class<?> element
          && Message.class.isAssignableFrom(element)) return element;
    }
    return null;
  }
}
