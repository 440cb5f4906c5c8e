// Credits, escrows and vouchers (R6).
#include "protocol/codec.h"
#include "protocol/codec_wire.h"
#include "schema.capnp.h"

namespace souk {
namespace {

using namespace wire;  // NOLINT: the tables' vocabulary

// What an account holds: a sum of amounts, which each are within their limit.
struct Sum : Amount {
  static Status In(int64_t wire, Credits& value) { return InBounded(wire, INT64_MAX, value.micro); }
};

#define ISSUE(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, account, Account)          \
  VALUE(Amount, amount, Amount)             \
  VALUE(Endpoint, reference, Reference)     \
  VALUE(Moment, issued, Issued)

#define ESCROW(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, book, Book)                 \
  VALUE(Fixed32, account, Account)           \
  VALUE(Fixed32, payee, Payee)               \
  VALUE(Fixed32, nonce, Nonce)               \
  VALUE(Fixed32, voucher_key, VoucherKey)    \
  VALUE(Amount, amount, Amount)              \
  VALUE(Moment, accept_by, AcceptBy)         \
  VALUE(Moment, timeout, Timeout)

#define ESCROW_FETCH(VALUE, LIST, STRUCT, STRUCTS) VALUE(Fixed32, escrow, Escrow)

#define VOUCHER(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, lease, Lease)                \
  VALUE(Fixed32, book, Book)                  \
  VALUE(Amount, amount, Amount)

#define POST(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, escrow, Escrow)           \
  VALUE(Amount, amount, Amount)            \
  VALUE(Envelope, voucher, Voucher)        \
  VALUE(Fixed32, lease, Lease)

#define VOID(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, escrow, Escrow)           \
  VALUE(Fixed32, lease, Lease)

#define SHOW(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, escrow, Escrow)           \
  VALUE(Envelope, order, Order)            \
  VALUE(Envelope, acceptance, Acceptance)

#define ACCOUNT_QUERY(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, book, Book)                        \
  VALUE(Fixed32, account, Account)                  \
  VALUE(Moment, sent, Sent)

#define STATEMENT(VALUE, LIST, STRUCT, STRUCTS) \
  VALUE(Fixed32, account, Account)              \
  VALUE(Sum, posted, Posted)                    \
  VALUE(Sum, held, Held)                        \
  VALUE(Sum, incoming, Incoming)                \
  VALUE(Moment, at, At)

SOUK_STRUCT_CODEC(Issue, Issue, ISSUE)
SOUK_STRUCT_CODEC(Escrow, Escrow, ESCROW)
SOUK_STRUCT_CODEC(EscrowFetch, EscrowFetch, ESCROW_FETCH)
SOUK_STRUCT_CODEC(Voucher, Voucher, VOUCHER)
SOUK_STRUCT_CODEC(Post, Post, POST)
SOUK_STRUCT_CODEC(Void, Void, VOID)
SOUK_STRUCT_CODEC(Show, Show, SHOW)
SOUK_STRUCT_CODEC(AccountQuery, AccountQuery, ACCOUNT_QUERY)
SOUK_STRUCT_CODEC(Statement, Statement, STATEMENT)

}  // namespace

SOUK_MESSAGE_CODEC(Issue, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(Escrow, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(EscrowFetch, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Voucher, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(Post, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Void, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(Show, limits::kDocumentBytes)
SOUK_MESSAGE_CODEC(AccountQuery, limits::kNestedBytes)
SOUK_MESSAGE_CODEC(Statement, limits::kDocumentBytes)

}  // namespace souk
