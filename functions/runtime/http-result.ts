import {
  FUNCTION_HEADER_BYTES_MAX,
  FUNCTION_TEXT_BYTES_MAX,
  LAMBDA_PAYLOAD_BYTES_MAX,
} from '../../src/core/limits.ts'

/** What a function hands to its gateway, or to whoever invoked it. */
export interface HttpResult {
  statusCode: number
  headers: Record<string, string>
  body: string
  isBase64Encoded: boolean
}

/** What base64 makes of the most that fits. */
const BODY_BYTES_MAX = Math.floor(((LAMBDA_PAYLOAD_BYTES_MAX - FUNCTION_HEADER_BYTES_MAX) * 3) / 4)

/** @throws RangeError when the response is larger than a result may be */
export async function toResult(response: Response): Promise<HttpResult> {
  const bytes = Buffer.from(await response.arrayBuffer())
  if (bytes.length > BODY_BYTES_MAX) {
    throw new RangeError(`an answer of ${bytes.length} bytes does not fit into a function's result`)
  }
  const headers = Object.fromEntries(response.headers)
  // The gateway counts for itself.
  delete headers['content-length']
  // All that the HTTP form writes as text is JSON.
  const isJson = /^application\/(\w+\+)?json\b/.test(headers['content-type'] ?? 'application/json')
  const isText = isJson && bytes.length <= FUNCTION_TEXT_BYTES_MAX
  return {
    statusCode: response.status,
    headers,
    body: bytes.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
  }
}
