import * as z from 'zod'

export const HealthAnswer = z.object({ status: z.literal('ok') }).meta({ id: 'Health' })

export const OpenApiAnswer = z.record(z.string(), z.unknown()).describe('An OpenAPI 3.1 document.')
