// Where each state of the USA goes in a grid of equal tiles, so that small ones
// are seen too: one line a row of the grid, "--" for no state.
const grid = `
AK -- -- -- -- -- -- -- -- -- ME
-- -- -- -- -- -- -- -- -- VT NH
WA ID MT ND MN IL WI MI NY RI MA
OR NV WY SD IA IN OH PA NJ CT --
CA UT CO NE MO KY WV VA MD DE --
-- AZ NM KS AR TN NC SC DC -- --
-- -- -- OK LA MS AL GA -- -- --
HI -- -- TX -- -- -- -- FL -- --`;

const names = {
	Alabama: "AL", Alaska: "AK", Arizona: "AZ", Arkansas: "AR", California: "CA", Colorado: "CO", Connecticut: "CT",
	Delaware: "DE", "District of Columbia": "DC", Florida: "FL", Georgia: "GA", Hawaii: "HI", Idaho: "ID", Illinois: "IL",
	Indiana: "IN", Iowa: "IA", Kansas: "KS", Kentucky: "KY", Louisiana: "LA", Maine: "ME", Maryland: "MD",
	Massachusetts: "MA", Michigan: "MI", Minnesota: "MN", Mississippi: "MS", Missouri: "MO", Montana: "MT", Nebraska: "NE",
	Nevada: "NV", "New Hampshire": "NH", "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC",
	"North Dakota": "ND", Ohio: "OH", Oklahoma: "OK", Oregon: "OR", Pennsylvania: "PA", "Rhode Island": "RI",
	"South Carolina": "SC", "South Dakota": "SD", Tennessee: "TN", Texas: "TX", Utah: "UT", Vermont: "VT", Virginia: "VA",
	Washington: "WA", "West Virginia": "WV", Wisconsin: "WI", Wyoming: "WY"
};
const codes = new Map(Object.entries(names).map(([name, code]) => [name.toUpperCase(), code]));

export const tiles = grid.trim().split("\n").flatMap((line, y) =>
	line.split(" ").map((code, x) => ({code, x, y})).filter(({code}) => code !== "--"));

/** The code of a state, from its code or its name; undefined for anything else. */
export function stateCode(value) {
	const text = String(value).trim().toUpperCase();
	return codes.get(text) ?? (tiles.some(({code}) => code === text) ? text : undefined);
}
