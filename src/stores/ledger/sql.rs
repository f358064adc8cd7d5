//! Statements in both dialects, and the values bound to them.
//!
//! A statement is written once. [`sql!`] takes its text in pieces and puts them together at compile time, once for each
//! dialect, so that what runs is a `&'static str` that stays prepared.

use tessera_domain::{AdId, CommentId, NotificationId, PostId, Timestamp, UploadId, UserId};

/// A statement and what is bound to it.
#[derive(Debug, Clone)]
pub struct Statement {
    pub sqlite: &'static str,
    pub postgres: &'static str,
    pub values: Vec<Value>,
}

impl Statement {
    pub fn new(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres, values: Vec::new() }
    }

    /// A text that is the same in both dialects, or is run in one of them only.
    pub fn of(text: &'static str) -> Self {
        Self::new(text, text)
    }

    /// Binds the next parameter.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Binds the next parameters, one for each column, to a table that `[rows …]` reads.
    pub fn bind_rows(mut self, columns: impl Into<Vec<Value>>) -> Self {
        self.values.push(Value::Rows(columns.into()));
        self
    }
}

/// What can be bound. A list is one parameter however long it is, so that the statement stays prepared.
#[derive(Debug, Clone)]
pub enum Value {
    Integer(Option<i64>),
    Boolean(Option<bool>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Integers(Vec<i64>),
    Texts(Vec<Option<String>>),
    BytesList(Vec<Vec<u8>>),
    /// A table by its columns, lists of one length.
    Rows(Vec<Value>),
}

/// Puts a statement together for both dialects. A piece is one of
///
/// - `"text"`, the same in both,
/// - `{sqlite: "text", postgres: "text"}`,
/// - `[any "$1"]`, a condition: is in the list,
/// - `[list "$1" as "name"]`, a table `(value, key)` of a list, whose keys grow,
/// - `[rows "$1" "$2" as "name" ("column" "column")]`, a table that [`Statement::bind_rows`] bound,
/// - `[any_bytes "$1"]`, the same as `[any …]` for a list of ids that are bytes,
/// - `[in "name"]`, a condition: is one of the ids that a common table expression of this name gives,
/// - `[is "flag"]` and `[not "flag"]`, conditions on a flag as the partial indexes have them,
/// - `[join]`, a join whose left side SQLite reads first, in whose rows' order the result then is,
/// - `[index "name"]`, after a table: the index that SQLite is to use,
/// - `[least]` and `[greatest]`, the functions,
/// - `[lock]`, at the end of a query: nobody else changes its rows until the end of the transaction,
/// - `[skip_locked]`, the same for rows that nobody else has locked; others are left out.
macro_rules! sql {
    ($($piece:tt)+) => {
        $crate::ledger::sql::Statement::new(
            concat!($(piece!(sqlite $piece)),+),
            concat!($(piece!(postgres $piece)),+),
        )
    };
}

macro_rules! piece {
    ($dialect:ident $text:literal) => { $text };
    (sqlite {sqlite: $sqlite:literal, postgres: $postgres:literal}) => { $sqlite };
    (postgres {sqlite: $sqlite:literal, postgres: $postgres:literal}) => { $postgres };
    (sqlite [any $list:literal]) => { concat!("IN (SELECT value FROM json_each(", $list, "))") };
    (postgres [any $list:literal]) => { concat!("= ANY(", $list, ")") };
    (sqlite [any_bytes $list:literal]) => { concat!("IN (SELECT unhex(value) FROM json_each(", $list, "))") };
    (postgres [any_bytes $list:literal]) => { concat!("= ANY(", $list, ")") };
    (sqlite [in $name:literal]) => { concat!("IN (SELECT id FROM ", $name, ")") };
    (postgres [in $name:literal]) => { concat!("= ANY(ARRAY(TABLE ", $name, "))") };
    (sqlite [is $flag:literal]) => { concat!($flag, " = 1") };
    (postgres [is $flag:literal]) => { $flag };
    (sqlite [not $flag:literal]) => { concat!($flag, " = 0") };
    (postgres [not $flag:literal]) => { concat!("NOT ", $flag) };
    (sqlite [list $list:literal as $name:literal]) => { concat!("json_each(", $list, ") AS ", $name) };
    (postgres [list $list:literal as $name:literal]) => {
        concat!("unnest(", $list, ") WITH ORDINALITY AS ", $name, " (value, key)")
    };
    (sqlite [rows $one:literal $two:literal as $name:literal ($a:literal $b:literal)]) => {
        concat!("(SELECT value ->> 0 AS ", $a, ", value ->> 1 AS ", $b, " FROM json_each(", $one, ")) AS ", $name)
    };
    (sqlite [rows $one:literal $two:literal $three:literal as $name:literal ($a:literal $b:literal $c:literal)]) => {
        concat!(
            "(SELECT value ->> 0 AS ", $a, ", value ->> 1 AS ", $b, ", value ->> 2 AS ", $c, " FROM json_each(", $one,
            ")) AS ", $name
        )
    };
    (sqlite [rows $one:literal $two:literal $three:literal $four:literal
             as $name:literal ($a:literal $b:literal $c:literal $d:literal)]) => {
        concat!(
            "(SELECT value ->> 0 AS ", $a, ", value ->> 1 AS ", $b, ", value ->> 2 AS ", $c, ", value ->> 3 AS ", $d,
            " FROM json_each(", $one, ")) AS ", $name
        )
    };
    (sqlite [rows $one:literal $two:literal $three:literal $four:literal $five:literal
             as $name:literal ($a:literal $b:literal $c:literal $d:literal $e:literal)]) => {
        concat!(
            "(SELECT value ->> 0 AS ", $a, ", value ->> 1 AS ", $b, ", value ->> 2 AS ", $c, ", value ->> 3 AS ", $d,
            ", value ->> 4 AS ", $e, " FROM json_each(", $one, ")) AS ", $name
        )
    };
    (postgres [rows $one:literal $($list:literal)+ as $name:literal ($a:literal $($column:literal)+)]) => {
        concat!("unnest(", $one, $(", ", $list,)+ ") AS ", $name, " (", $a, $(", ", $column,)+ ")")
    };
    (sqlite [join]) => { "CROSS JOIN" };
    (postgres [join]) => { "JOIN" };
    (sqlite [index $index:literal]) => { concat!(" INDEXED BY ", $index) };
    (postgres [index $index:literal]) => { "" };
    (sqlite [least]) => { "min" };
    (postgres [least]) => { "least" };
    (sqlite [greatest]) => { "max" };
    (postgres [greatest]) => { "greatest" };
    (sqlite [lock]) => { "" };
    (postgres [lock]) => { " FOR NO KEY UPDATE" };
    (sqlite [skip_locked]) => { "" };
    (postgres [skip_locked]) => { " FOR UPDATE SKIP LOCKED" };
}

macro_rules! bound_as {
    ($variant:ident: $($type:ty => $value:expr),+ $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                let convert: fn($type) -> _ = $value;
                Value::$variant(convert(value))
            }
        }
    )+};
}

bound_as!(Integer:
    i64 => Some, Option<i64> => |value| value, u16 => |value| Some(value.into()), u32 => |value| Some(value.into()),
    // A limit, a page: past 2^63 it is the greatest one.
    usize => |value| Some(i64::try_from(value).unwrap_or(i64::MAX)),
    Timestamp => |time| Some(time.0), Option<Timestamp> => |time| time.map(|time| time.0),
);
bound_as!(Boolean: bool => Some, Option<bool> => |value| value);
bound_as!(Text:
    String => Some, Option<String> => |value| value,
    &str => |value| Some(value.to_owned()), &String => |value| Some(value.clone()),
    Option<&str> => |value| value.map(str::to_owned), &Option<String> => Clone::clone,
);
bound_as!(Bytes:
    Vec<u8> => Some, &[u8] => |value| Some(value.to_vec()), [u8; 32] => |value| Some(value.to_vec()),
    UploadId => |id| Some(id.0.as_bytes().to_vec()),
);
bound_as!(Integers: Vec<i64> => |values| values, &[i64] => |values| values.to_vec());
bound_as!(Texts:
    &[String] => |texts| texts.iter().cloned().map(Some).collect(),
    Vec<String> => |texts| texts.into_iter().map(Some).collect(),
    Vec<&str> => |texts| texts.into_iter().map(|text| Some(text.to_owned())).collect(),
    Vec<Option<&str>> => |texts| texts.into_iter().map(|text| text.map(str::to_owned)).collect(),
);
bound_as!(BytesList:
    Vec<Vec<u8>> => |values| values, &[UploadId] => |ids| ids.iter().map(|id| id.0.as_bytes().to_vec()).collect(),
);

/// Ids are numbers of 64 bits, kept in signed columns.
macro_rules! ids {
    ($($id:ty),+) => {
        bound_as!(Integer: $($id => |id| Some(id.to_i64())),+);
        bound_as!(Integers:
            $(&[$id] => |ids| ids.iter().map(|id| id.to_i64()).collect(),
            Vec<$id> => |ids| ids.iter().map(|id| id.to_i64()).collect()),+
        );
        bound_as!(Integer: $(Option<$id> => |id| id.map(|id| id.to_i64())),+);
    };
}

ids!(AdId, CommentId, NotificationId, PostId, UserId);
