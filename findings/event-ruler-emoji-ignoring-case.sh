#!/usr/bin/env bash
# event-ruler, AWS's matcher of EventBridge's patterns: {"equals-ignore-case": "😀"} does not fit "😀", and fits "??".
# The pattern is taken apart into UTF-16 units, and each half of the pair is encoded by itself, which makes a "?" of it.
# The same under "prefix", "suffix" and "anything-but" with "equals-ignore-case". It hurts whoever filters, ignoring case, by
# texts with emoji or with rare Chinese characters: their events never come, without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

central=https://repo1.maven.org/maven2
for jar in \
  software/amazon/event/ruler/event-ruler/2.1.0/event-ruler-2.1.0.jar \
  ch/randelshofer/fastdoubleparser/2.0.1/fastdoubleparser-2.0.1.jar \
  com/fasterxml/jackson/core/jackson-annotations/2.22/jackson-annotations-2.22.jar \
  com/fasterxml/jackson/core/jackson-core/2.22.2/jackson-core-2.22.2.jar \
  com/fasterxml/jackson/core/jackson-databind/2.22.2/jackson-databind-2.22.2.jar; do
  curl -sSfLO "$central/$jar"
done

cat > Ask.java <<'JAVA'
import software.amazon.event.ruler.Ruler;

public class Ask {
    public static void main(String[] arguments) throws Exception {
        String pair = "\\ud83d\\ude00";
        String ignoringCase = "{\"f\":[{\"equals-ignore-case\":\"" + pair + "\"}]}";
        System.out.println("exact, itself: " + Ruler.matchesRule("{\"f\":\"" + pair + "\"}", "{\"f\":[\"" + pair + "\"]}"));
        System.out.println("ignoring case, itself: " + Ruler.matchesRule("{\"f\":\"" + pair + "\"}", ignoringCase));
        System.out.println("ignoring case, two question marks: " + Ruler.matchesRule("{\"f\":\"??\"}", ignoringCase));
    }
}
JAVA

java -version 2>&1 | head -1
echo 'event-ruler 2.1.0'
java -cp "$folder/*" Ask.java 2>/dev/null | tee seen
diff seen - <<'WANTED' && echo 'as it was seen'
exact, itself: true
ignoring case, itself: false
ignoring case, two question marks: true
WANTED
