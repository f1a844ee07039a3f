import * as z from 'zod'

export const TopicPath = z.object({ topic: z.string().meta({ description: "The topic's name." }) })
