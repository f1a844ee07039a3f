/**
 * AWS list prices in US dollars, US East (N. Virginia), as published in July 2025, on-demand.
 * Sources: https://aws.amazon.com/s3/pricing/ (S3 Standard) and
 * https://aws.amazon.com/dynamodb/pricing/on-demand/ (halved in November 2024).
 */
export const PRICES_DATE = '2025-07'
export const S3_PUT_DOLLARS = 0.005 / 1_000
export const S3_GET_DOLLARS = 0.0004 / 1_000
/** One write unit: an item of up to 1 KB, written once. */
export const DYNAMODB_WRITE_UNIT_DOLLARS = 0.625 / 1_000_000
/** One read unit: up to 4 KB, read strongly consistent. */
export const DYNAMODB_READ_UNIT_DOLLARS = 0.125 / 1_000_000
