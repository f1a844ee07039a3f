#!/usr/bin/env bash
# A Java program of one file that is run from its source (`java -cp kafka-clients.jar Program.java`) and ends with one of Kafka's
# exceptions does not say so: what is printed is `IllegalArgumentException: 0 > -7`, out of the launcher, and neither the exception's
# name nor its message. Kafka's ApiExceptions carry no stack trace, and the launcher of JDK 17 cuts its own seven frames off a
# trace that it takes to have as many. Compiled and run as a class, the same program tells. It hurts whoever tries something out
# against a broker in a single file, and looks for the fault in the launcher. Needs a JDK 17.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
  -Dartifact=org.apache.kafka:kafka-clients:4.4.0 -DoutputDirectory=.

cat > Ends.java <<'JAVA'
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

class Ends {
  public static void main(String[] args) {
    throw new UnknownTopicOrPartitionException("there is no topic orders");
  }
}
JAVA

java -version 2>&1 | head -1
echo 'kafka-clients 4.4.0'
{
  echo 'from its source:'
  java -cp kafka-clients-4.4.0.jar Ends.java 2>&1 | grep -v '^\s*at ' || true
  echo 'as a class:'
  javac -cp kafka-clients-4.4.0.jar Ends.java
  java -cp kafka-clients-4.4.0.jar:. Ends 2>&1 | grep -v '^\s*at ' || true
} | tee seen
diff seen - <<'WANTED' && echo 'as it was seen'
from its source:
Exception in thread "main" java.lang.IllegalArgumentException: 0 > -7
as a class:
Exception in thread "main" org.apache.kafka.common.errors.UnknownTopicOrPartitionException: there is no topic orders
WANTED
