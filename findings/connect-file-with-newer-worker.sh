#!/usr/bin/env bash
# Kafka Connect's own example connectors, org.apache.kafka:connect-file, end at 4.3.1 on Maven Central, and 4.3.1 does not run in a worker of
# 4.4.0: it asks a class of the Java client that no page calls an interface, org.apache.kafka.common.utils.AppInfoParser, for its version,
# and kafka-clients 4.4.0 has moved that to org.apache.kafka.common.utils.internals. The worker starts, lists both connectors as plugins,
# and answers 500 when one is created. It hurts every connector outside of Kafka's own repository that tells its version in this way, as those
# that came with Kafka do, and whoever follows Connect's quickstart with the newest worker. With kafka-clients 4.3.1 it works.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > Version.java <<'JAVA'
public class Version {
    public static void main(String[] args) {
        try {
            System.out.println(new org.apache.kafka.connect.file.FileStreamSourceConnector().version());
        } catch (NoClassDefFoundError error) {
            System.out.println(error);
        }
    }
}
JAVA

for clients in 4.3.1 4.4.0; do
  mkdir "$clients"
  dependency() { echo "<dependency><groupId>org.apache.kafka</groupId><artifactId>$1</artifactId><version>$2</version></dependency>"; }
  echo "<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies>$(
    dependency connect-file 4.3.1)$(dependency connect-api "$clients")$(dependency kafka-clients "$clients")</dependencies></project>" > "$clients/pom.xml"
  (cd "$clients" && mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory=jars -DincludeScope=runtime > /dev/null)
  echo "connect-file 4.3.1, kafka-clients $clients: $(java -cp "$clients/jars/*" Version.java 2> /dev/null)"
done | tee seen
diff seen - <<'WANTED' && echo 'as it was seen'
connect-file 4.3.1, kafka-clients 4.3.1: 4.3.1
connect-file 4.3.1, kafka-clients 4.4.0: java.lang.NoClassDefFoundError: org/apache/kafka/common/utils/AppInfoParser
WANTED
