import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;

/**
 * Writes the schemas of every message that kafka-clients carries, of every version, as JSON, and beside them the
 * defaults of their fields, which are those of a new object.
 */
class MessageSchemas {
  public static void main(String[] args) {
    List<String> lines = new ArrayList<>();
    for (ApiMessageType api : ApiMessageType.values()) {
      // An API that has gone has no versions left.
      if (api.lowestSupportedVersion() > api.highestSupportedVersion(true)) continue;
      lines.add(message(api, "request", api.requestSchemas(), api.newRequest()));
      lines.add(message(api, "response", api.responseSchemas(), api.newResponse()));
    }
    lines.add(data("ConsumerProtocolSubscription", ConsumerProtocolSubscription.SCHEMAS, new ConsumerProtocolSubscription()));
    lines.add(data("ConsumerProtocolAssignment", ConsumerProtocolAssignment.SCHEMAS, new ConsumerProtocolAssignment()));
    System.out.println("[" + String.join(",\n", lines) + "]");
  }

  static String message(ApiMessageType api, String side, Schema[] schemas, ApiMessage empty) {
    List<String> versions = new ArrayList<>();
    for (short version = 0; version < schemas.length; version++) {
      if (schemas[version] == null) continue;
      short header = side.equals("request") ? api.requestHeaderVersion(version) : api.responseHeaderVersion(version);
      versions.add("{\"version\":" + version + ",\"header\":" + header + ",\"fields\":" + fields(schemas[version]) + "}");
    }
    return "{\"key\":" + api.apiKey() + ",\"name\":\"" + api.name + "\",\"side\":\"" + side + "\",\"versions\":["
        + String.join(",", versions) + "],\"defaults\":" + defaults(empty) + "}";
  }

  static String data(String name, Schema[] schemas, Message empty) {
    List<String> versions = new ArrayList<>();
    for (int version = 0; version < schemas.length; version++) {
      versions.add("{\"version\":" + version + ",\"fields\":" + fields(schemas[version]) + "}");
    }
    return "{\"name\":\"" + name + "\",\"side\":\"data\",\"versions\":[" + String.join(",", versions) + "],\"defaults\":" + defaults(empty) + "}";
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

  static String value(Object value) {
    if (value == null) return "null";
    if (value instanceof Number || value instanceof Boolean) return value.toString();
    if (value instanceof Collection<?> || value instanceof byte[] || value instanceof java.nio.ByteBuffer) return "[]";
    if (value instanceof Message) return "{}";
    return "\"" + value + "\"";
  }

  /** The defaults inside a structure, or inside an array's elements. */
  static String inner(Field field, Object value) throws ReflectiveOperationException {
    Class<?> of = Message.class.isAssignableFrom(field.getType()) ? field.getType() : elementOf(field);
    if (of == null) return "";
    var constructor = of.getDeclaredConstructor();
    constructor.setAccessible(true);
    return ",\"fields\":" + defaults(constructor.newInstance());
  }

  static Class<?> elementOf(Field field) {
    for (Type type : new Type[] {field.getGenericType(), field.getType().getGenericSuperclass()}) {
      if (type instanceof ParameterizedType of && of.getActualTypeArguments()[0] instanceof Class<?> element
          && Message.class.isAssignableFrom(element)) return element;
    }
    return null;
  }
}
