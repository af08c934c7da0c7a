/** What a person's roles let them do here, so that pages offer no more than that. The server asks again. */

const STEWARDS = ["operator", "admin"];

/** May this person freeze, pause, revoke and open break-glass? */
export const isSteward = (me) => (me.person.roles ?? []).some((role) => STEWARDS.includes(role));

/** May this person change people? */
export const isAdmin = (me) => (me.person.roles ?? []).includes("admin");
