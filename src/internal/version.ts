/** Version of this package, as its manifest tells it (held by a test). */
export const PACKAGE_VERSION = '0.1.0'
