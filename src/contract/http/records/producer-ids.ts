/** Whether a text is a producer id as it is told: 64 bits wide, which no number in JSON is. */
export function isProducerId(text: string): boolean {
  return /^(?:0|[1-9]\d{0,17})$/.test(text)
}

export function toProducerId(text: string): bigint {
  return BigInt(text)
}
