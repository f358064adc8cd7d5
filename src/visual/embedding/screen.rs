//! A look through an ONNX file before the library reads it. The library follows graphs within graphs, and the longest
//! way through a graph, by functions that call themselves: a crafted file could exhaust the stack, which no
//! `catch_unwind` catches.
//!
//! ONNX is Protocol Buffers. Only what is asked for here is followed; the rest is left to the library.

use std::collections::HashSet;

/// The most operators of a model. The largest image models of today have a few thousand.
pub(super) const MAX_OPERATORS: usize = 10_000;

/// The numbers of fields, as `onnx.proto3` has them.
mod field {
    pub const MODEL_GRAPH: u64 = 7;
    pub const GRAPH_NODE: u64 = 1;
    pub const GRAPH_INITIALIZER: u64 = 5;
    /// Inputs, outputs and values in between.
    pub const GRAPH_VALUES: [u64; 3] = [11, 12, 13];
    pub const NODE_ATTRIBUTE: u64 = 5;
    /// A graph and several.
    pub const ATTRIBUTE_GRAPHS: [u64; 2] = [6, 11];
    pub const TENSOR_NAME: u64 = 8;
    pub const VALUE_TYPE: u64 = 2;
    pub const TYPE_TENSOR: u64 = 1;
    pub const TYPE_DENOTATION: u64 = 6;
}

/// A field of a message: its number, and its bytes where it has a length.
type Field<'a> = (u64, Option<&'a [u8]>);

/// The fields of a message.
struct Message<'a>(&'a [u8]);

impl<'a> Message<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for place in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next field; `None` for what is no message.
    fn field(&mut self) -> Option<Field<'a>> {
        let key = self.number()?;
        let bytes = match key & 7 {
            0 => self.number().map(|_| None),
            1 => self.take(8).map(|_| None),
            2 => {
                let length = self.number()?;
                self.take(length).map(Some)
            }
            5 => self.take(4).map(|_| None),
            _ => None,
        };
        Some((key >> 3, bytes?))
    }
}

impl<'a> Iterator for Message<'a> {
    type Item = Result<Field<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| "it is no ONNX file that can be read".to_owned()))
    }
}

/// Looks through a file; gives the names of its weights, which older files name as inputs too.
pub(super) fn screen(bytes: &[u8]) -> Result<HashSet<&str>, String> {
    let mut weights = HashSet::new();
    let mut operators = 0;
    for field in Message(bytes) {
        let (field::MODEL_GRAPH, Some(graph)) = field? else { continue };
        for field in Message(graph) {
            match field? {
                (field::GRAPH_NODE, Some(node)) => {
                    operators += 1;
                    screen_operator(node)?;
                }
                (field::GRAPH_INITIALIZER, Some(tensor)) => weights.extend(name_of(tensor)?),
                (number, Some(value)) if field::GRAPH_VALUES.contains(&number) => screen_value(value)?,
                _ => {}
            }
        }
    }
    if operators > MAX_OPERATORS {
        return Err(format!("it has {operators} operators; at most {MAX_OPERATORS} are run"));
    }
    Ok(weights)
}

fn screen_operator(node: &[u8]) -> Result<(), String> {
    for field in Message(node) {
        let (field::NODE_ATTRIBUTE, Some(attribute)) = field? else { continue };
        for field in Message(attribute) {
            if field::ATTRIBUTE_GRAPHS.contains(&field?.0) {
                return Err("operators with a graph of their own (If, Loop, Scan) are not run".to_owned());
            }
        }
    }
    Ok(())
}

/// Lists, maps and options of types may lie within each other; pictures and vectors are tensors.
fn screen_value(value: &[u8]) -> Result<(), String> {
    for field in Message(value) {
        let (field::VALUE_TYPE, Some(kind)) = field? else { continue };
        for field in Message(kind) {
            let (number, _) = field?;
            if number != field::TYPE_TENSOR && number != field::TYPE_DENOTATION {
                return Err("values that are no tensors are not computed with".to_owned());
            }
        }
    }
    Ok(())
}

fn name_of(tensor: &[u8]) -> Result<Option<&str>, String> {
    for field in Message(tensor) {
        if let (field::TENSOR_NAME, Some(name)) = field? {
            return Ok(std::str::from_utf8(name).ok());
        }
    }
    Ok(None)
}
