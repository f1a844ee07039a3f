// Messages of Kafka's protocol, whoever sends them.

/**
 * Elements of all arrays of a message together: one of three bytes becomes an object of a hundred, so a frame's length alone
 * does not bound what it takes.
 */
export const WIRE_ELEMENTS_MAX = 262_144
