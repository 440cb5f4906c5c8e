// What is said over control.sock, the Unix stream socket in a node's directory (0700), between the
// owner's commands (`souk`, `soukd`) and the running daemon.
//
// One JSON object per line each way, UTF-8. A connection asks one thing at a time: its next line is
// read when the last has been answered. Request: {"do": COMMAND, …fields}. Response: {"ok": true,
// …fields}, or {"ok": false, "code": CodeName(…), "error": "one sentence that says what to do"}.
// Unknown commands and unknown or mistyped fields are refused, never ignored. A request line is at
// most kRequestBytes long, a response line kResponseBytes.
//
// Spelling, everywhere below: ids and digests are 64 hex digits, whole (the client resolves
// prefixes); peers and keys are bech32m ("souk1…"); *_micro are µcredits (integers), prices are per
// slice and hour; *_ms are milliseconds since 1970 UTC, or lengths of time where the name says so
// (duration_ms, *_in_ms); "?" marks what may be absent. Lists are in a stable order.
//
// id {}
//   api (kVersion), id, name, version, dir, pid, roles ["provider","renter","clearing"],
//   addresses ["souk1…@host:port/<64 hex: CURVE key>", …] (as `--bootstrap` takes them), vkey (of
//   the log's checkpoints, as `souk-audit key` prints it), log_entries, accounts [{book, book_name,
//   account}] (one for every clearing peer known; `soukd issue ACCOUNT`)
// status {}
//   name, id, version, pid, uptime_in_ms, listening, log_url (where the log is served, "" nowhere),
//   log_open (whether everyone may read all of it), roles, draining, may_sign, may_sign_why? (what
//   the log waits for), clock_why? (why nothing expires, R4), log_entries, peers_connected,
//   peers_known, offers_known, bootstrap [{peer, endpoint, connected}], devices [DEVICE],
//   leases_open, jobs_open, mirrors? [{peer, name, entries (under the newest checkpoint that is
//   whole), known (the newest one seen), behind, bytes, trouble? (why it does not go on)}],
//   mirror_bytes?, mirror_limit_bytes?,
//   jail {grade, why?} (provider only; why: who refused a stronger one), device_notes? [TEXT] (GPUs
//   that were passed over or are degraded, and what to do; as of the start), earned_micro,
//   owed_micro, spent_micro (settled, over the log's whole life) DEVICE: uuid, kind, model,
//   architecture, memory_bytes, driver, slices, free_slices, price_micro, state ("idle", "leased",
//   "draining"), leases [{id, state, ends_ms?}]
// peers {}
//   peers [{id, name, endpoints, provider, renter, clearing, witness, log_url, connected,
//   expires_ms, bootstrap}]
// forks {}
//   forks [{peer, name, size, root, other_root (both signed, or proven, for that size), later_size,
//   vkey, evidence (text: souk-audit check-fork takes it)}]
// offers {query?: "", limit?: 1000}
//   offers [OFFER] (the matching ones, in the query's order), matches, leased (that match, and have
//   nothing to let), doubted [{provider, name, why, forked}] (whose offers are left out: their log
//   has forked, or they do not prove that it has not), total (live offers known)
//   OFFER: id, provider, name (of the provider), own (this node's; it cannot rent it), kind, model,
//   architecture, memory_bytes, count, slices, driver, cuda_version, newest_ptx, grade (the one
//   that this node believes), claim? {grade, verifier?, verifier_name?, verdict?, until_ms?,
//   believed} (where the offer claims more than "declared"), fp32_mflops, jail, price_micro,
//   interruptible_price_micro?, hold_price_micro, hold_fee_micro, grace_in_ms, notice_in_ms,
//   longest_interval_in_ms, min_duration_in_ms, max_duration_in_ms, region,
//   clearing_peers [{id, name}], bond_share_micro, bandwidth_kbps, expires_ms, kept {good, of}
//   (this node's own ended leases with that provider, and how many of them ended without the
//   provider's fault)
// why {query, limit?: 20}
//   matches, total, nearest [{id, provider, name, field, has, wanted, off_by}] (offers that fail
//   one predicate only come first, then by off_by, which is relative), fails [{field, offers}]
// rent {offer, book?: the offer's first clearing peer that is known, slices?: 1, duration_in_ms,
//       max_cost_micro?: no limit}
//   lease. Answered once the wish is in the log; what becomes of it is told by `leases`.
// leases {id?, open?: false (true: only those not closed)}
//   leases [LEASE], newest first
//   LEASE: id, side ("renter", "provider"), phase (for people: "Active, metering"), state
//   (LeaseStateName: "None", "Reserved", "Active", "Metering", "Paused", "Draining", "Closing",
//   "Closed"), over (nothing more will happen), peer, peer_name, offer, book, book_name, device
//   (uuid; empty before the acceptance), kind?, model? (where the offer is still known), slices,
//   price_micro, duration_in_ms, max_micro, best_micro (highest voucher), due_micro (once closing),
//   paid_micro (once settled), at_risk_micro (R6's exposure of this side now), interval_in_ms,
//   ordered_ms, accepted_ms?, ready_ms?, ends_ms?, settled, reason (close reason's name, "" while
//   open), reason_code, sentence ("" or why it was lost), fence?, story [{time_ms, who ("you" or
//   the other's name), what, entry? ("you#118", "kite#9032")}]
// watch {id, phase, within_in_ms?: 60000}
//   leases [LEASE], as `leases {id}`, as soon as the lease's phase is not that one any more, or
//   when the time is over; at most kLongestWatch.
// release {lease}
//   lease. Answered once asked for; see `leases`.
// challenge {leases [ids of leases with one provider, of one model], rows?: 64, size?: by the
// model}
//   round. The devices of all of them are asked at once; what becomes of it is told by
//   `challenges`.
// challenges {round?, lease?}
//   challenges [CHALLENGE], newest first
//   CHALLENGE: id, round, lease, side ("verifier", "prover"), peer, peer_name, device, model, size,
//   rows, deadline_in_ms, asked_ms, state ("computing", "committed", "opening", "checking",
//   "passed", "late", "wrong", "refused", "silent", "interrupted", "lapsed"), over, took_in_ms,
//   sentence, verdict?, expires_ms?
// job {lease, workload {digest, size}, blobs [{digest, size}], title?: "", sealed?: false}
//   job. The client has put workload and blobs into DIR/blobs/sha256/<hex> itself before (written
//   beside, fsynced, renamed); what is missing there, or has another size, is refused.
// replicate {leases [ids of leases with different providers], agree, workload, blobs, title?: ""}
//   round. The same job under each lease, sealed; see `replications`.
// replications {round?}
//   replications [REPLICATION], newest first
//   REPLICATION: round, title, agree, of, asked_ms, state ("open", "agreed", "disagreed",
//   "incomplete"), over (nothing more is waited for: enough agree and an output is here, or no
//   replica has anything to come), revealed, reveal_by_ms? (once as many are sealed as are to
//   agree: when the others are not waited for any more), result? (a job whose result holds), jobs
//   [{job, lease, peer, peer_name, model, state (as in `jobs`), standing ("open", "agrees",
//   "differs", "unlike device", "alone", "late", "no result"), difference ("" or what differs from
//   the result, or from the first one's), sentence, receipt?}]
// jobs {id?, lease?}
//   jobs [JOB], newest first
//   JOB: id, lease, side, title, sealed, round? (where it is a replica), state ("sending",
//   "queued", "running", "sealed", "revealing", "fetching", "done", "failed", "cancelled", "lost"),
//   over, workload, blobs, launch, launches, sent {bytes, total} (towards the provider; as the
//   provider's side: received), fetched {bytes, total} (outputs, renter's side), due_micro (of the
//   lease, as last told), sentence, refused ("" or why the provider refused it), outputs [{name,
//   digest, size, here}], receipt? {status, sentence, device, device_name, architecture, driver,
//   class, launches, thread_instructions, states_root, started_ms, finished_ms, fence, id}
// logs {job, from?: 0 (byte offset)}
//   text, next (offset to go on from), over. The provider's side: what the worker printed; the
//   renter's side: what is known of the job's life, a line each.
// balance {book?: the only clearing peer known}
//   book, book_name, account, posted_micro, held_micro (own escrows), incoming_micro, at_ms.
//   Answered when the book has: kUnavailable after kBalanceWait. A clearing peer answers for its
//   own book at once: account is then its operator's, with issued_micro (in circulation).
// issue {account, amount_micro, reference}
//   id (of the signed issue), account, amount_micro. Clearing peers only; a reference works once.
// accounts {}
//   accounts [{account (digest), key?, name?, posted_micro, held_micro, incoming_micro}], clearing
//   peers only: the whole book.
// drain {} | resume {}
//   draining. Provider only: no new leases; running ones go on to their end.
// stop {}
//   {} and the node stops as on SIGTERM; workers go on, and are found again by the next start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/units.h"

namespace souk::node::control {

inline constexpr uint32_t kVersion = 1;
inline constexpr const char* kSocketName = "control.sock";

// A job names at most 128 blobs of some 100 bytes each.
inline constexpr size_t kRequestBytes = 64 * 1024;
// A page of 1,000 offers is about 1 MiB.
inline constexpr size_t kResponseBytes = 64 * 1024 * 1024;
// Connections at once; each costs two small buffers.
inline constexpr size_t kClients = 64;
// How long `balance` waits for the book's statement.
inline constexpr Duration kBalanceWait = Seconds(10);

// The longest that `watch` keeps its client waiting.
inline constexpr Duration kLongestWatch = Minutes(1);

}  // namespace souk::node::control
