// The fields of messages and book facts, for audit_archive.h; what the auditor itself keeps says
// its fields in audit_keep.cc. Internal to the auditor.
#pragma once

#include "ledger/audit/audit.h"
#include "ledger/audit/audit_archive.h"

namespace souk::ledger {

template <typename Archive>
void KeepFields(Archive& archive, Order& value) {
  auto& [offer, provider, nonce, book, account, escrow, voucher_key, slices, price, duration,
         max_cost, hold_fee, issued, expires] = value;
  archive(offer, provider, nonce, book, account, escrow, voucher_key, slices, price, duration,
          max_cost, hold_fee, issued, expires);
}

template <typename Archive>
void KeepFields(Archive& archive, Acceptance& value) {
  auto& [order, fence, accepted, commit_by, ready_by, settle_by, device] = value;
  archive(order, fence, accepted, commit_by, ready_by, settle_by, device);
}

template <typename Archive>
void KeepFields(Archive& archive, Escrow& value) {
  auto& [book, account, payee, nonce, voucher_key, amount, accept_by, timeout] = value;
  archive(book, account, payee, nonce, voucher_key, amount, accept_by, timeout);
}

template <typename Archive>
void KeepFields(Archive& archive, Offer& value) {
  auto& [sequence, issued, expires, device_kind, model, architecture, memory_bytes, count, slices,
         driver, cuda_version, newest_ptx, grade, fp32_mflops, jail, price, interruptible_price,
         hold_price, hold_fee, grace, notice, longest_interval, min_duration, max_duration, region,
         clearing_peers, bond_share, bandwidth_kbps, peer, verdict] = value;
  archive(sequence, issued, expires, device_kind, model, architecture, memory_bytes, count, slices,
          driver, cuda_version, newest_ptx, grade, fp32_mflops, jail, price, interruptible_price,
          hold_price, hold_fee, grace, notice, longest_interval, min_duration, max_duration, region,
          clearing_peers, bond_share, bandwidth_kbps, peer, verdict);
}

template <typename Archive>
void KeepFields(Archive& archive, Challenge& value) {
  auto& [lease, number, nonce, devices, device_kind, model, size, rows, deadline, secret_digest,
         issued] = value;
  archive(lease, number, nonce, devices, device_kind, model, size, rows, deadline, secret_digest,
          issued);
}

template <typename Archive>
void KeepFields(Archive& archive, Account& value) {
  auto& [id, ledger, code, no_overdraft, no_surplus, debits_pending, debits_posted, credits_pending,
         credits_posted] = value;
  archive(id, ledger, code, no_overdraft, no_surplus, debits_pending, debits_posted,
          credits_pending, credits_posted);
}

// As a Time, within whose bounds it is.
template <typename Archive>
void KeepTime(Archive& archive, TimeMs& value) {
  Time time{value};
  archive(time);
  value = time.ms;
}

template <typename Archive>
void KeepFields(Archive& archive, Transfer& value) {
  auto& [id, debit, credit, amount, kind, pending, timeout, ledger, code, linked] = value;
  archive(id, debit, credit, amount, kind, pending, ledger, code, linked);
  KeepTime(archive, timeout);
}

template <typename Archive>
void KeepFields(Archive& archive, AccountOpened& value) {
  auto& [account] = value;
  archive(account);
}
template <typename Archive>
void KeepFields(Archive& archive, TransferCreated& value) {
  auto& [transfer, at] = value;
  archive(transfer);
  KeepTime(archive, at);
}
template <typename Archive>
void KeepFields(Archive& archive, PendingExpired& value) {
  auto& [id, at] = value;
  archive(id);
  KeepTime(archive, at);
}
template <typename Archive>
void KeepFields(Archive& archive, TimeoutMoved& value) {
  auto& [id, timeout] = value;
  archive(id);
  KeepTime(archive, timeout);
}

template <typename Archive>
void KeepFields(Archive& archive, Finding& value) {
  auto& [entry, rule, name, what, see] = value;
  archive(entry, rule, name, what, see);
}

}  // namespace souk::ledger
