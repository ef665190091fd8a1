// Identifiers that stay the same from one run to the next, made from what they identify

import { createHash } from 'node:crypto';

const digest = (parts) => createHash('sha256').update(JSON.stringify(parts)).digest();

// Metabase's NanoIDs: 21 characters
export function entityId(...parts) {
	return digest(parts).toString('base64url').slice(0, 21);
}

export function uuid(...parts) {
	const hex = digest(parts).toString('hex');
	return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}
