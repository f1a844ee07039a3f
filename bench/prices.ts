/**
 * AWS list prices in US dollars, US East (N. Virginia), on demand, without the free tier. Those of S3 and DynamoDB
 * requests as published in July 2025, all of them as of 2026. Look before you plan with them:
 * https://aws.amazon.com/s3/pricing/ (S3 Standard), https://aws.amazon.com/dynamodb/pricing/on-demand/ (halved in
 * November 2024), https://aws.amazon.com/lambda/pricing/ (arm64), https://aws.amazon.com/api-gateway/pricing/
 * (HTTP API, WebSocket API), https://aws.amazon.com/cloudwatch/pricing/, https://aws.amazon.com/sqs/pricing/ (FIFO)
 */
export const PRICES_DATE = '2026'
export const S3_PUT_DOLLARS = 0.005 / 1_000
export const S3_GET_DOLLARS = 0.0004 / 1_000
export const S3_GB_MONTH_DOLLARS = 0.023
/** One write unit: an item of up to 1 KB, written once. */
export const DYNAMODB_WRITE_UNIT_DOLLARS = 0.625 / 1_000_000
/** One read unit: up to 4 KB, read strongly consistent. */
export const DYNAMODB_READ_UNIT_DOLLARS = 0.125 / 1_000_000
export const LAMBDA_REQUEST_DOLLARS = 0.2 / 1_000_000
/** A gigabyte of memory for a second, on arm64. */
export const LAMBDA_GB_SECOND_DOLLARS = 0.0000133334
/** One request to an HTTP API, and each further started 512 KB of its body or answer. */
export const HTTP_API_REQUEST_DOLLARS = 1 / 1_000_000
export const HTTP_API_METERED_BYTES = 512 * 1024
/** One message of a WebSocket API in either direction, up to 32 KB; and a minute of one connection. */
export const WEBSOCKET_MESSAGE_DOLLARS = 1 / 1_000_000
export const WEBSOCKET_MINUTE_DOLLARS = 0.25 / 1_000_000
/** Log lines taken in, per gigabyte. */
export const LOGS_GB_DOLLARS = 0.5
/** From S3, Lambda or the API to the internet, per gigabyte; within the region S3 and Lambda charge nothing. */
export const INTERNET_GB_DOLLARS = 0.09
/** One request to a FIFO queue, whatever it does; a poll that finds nothing is one, too. */
export const SQS_FIFO_REQUEST_DOLLARS = 0.5 / 1_000_000
