/** Kafka's controller answers before its brokers know. */
export function settled(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 1_500))
}
