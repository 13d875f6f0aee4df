//! A table, and where it is.

use super::core::DeviceTable;
use crate::algebra::Fr;

/// A table of a [`Gpu`](super::Gpu): on the device while it is large.
#[derive(Debug)]
pub struct Table(pub(super) Place);

/// Host or device.
#[derive(Debug)]
pub(super) enum Place {
    Host(Vec<Fr>),
    Device(DeviceTable),
}

impl Table {
    pub(super) const fn len(&self) -> usize {
        match &self.0 {
            Place::Host(values) => values.len(),
            Place::Device(table) => table.len,
        }
    }
}

/// Takes a downloaded vector only for a table that was on the device.
pub(super) trait NextIfDevice {
    /// The next vector, for a table on the device.
    fn next_if_device(&mut self, table: &Table) -> Option<Vec<Fr>>;
}

impl<I: Iterator<Item = Vec<Fr>>> NextIfDevice for I {
    fn next_if_device(&mut self, table: &Table) -> Option<Vec<Fr>> {
        on_device(table).and_then(|_| self.next())
    }
}

/// A table on the device.
pub(super) const fn on_device(table: &Table) -> Option<&DeviceTable> {
    match &table.0 {
        Place::Device(t) => Some(t),
        Place::Host(_) => None,
    }
}

/// All of some tables, where the device has them all.
pub(super) fn all_on_device(tables: &mut [Table]) -> Option<Vec<&mut DeviceTable>> {
    let there = |t| match t {
        &mut Table(Place::Device(ref mut table)) => Some(table),
        Table(Place::Host(_)) => None,
    };
    tables.iter_mut().map(there).collect()
}

/// A table on the host.
pub(super) const fn host(values: Vec<Fr>) -> Table {
    Table(Place::Host(values))
}

/// A table on the device, owned.
pub(super) const fn device(table: DeviceTable) -> Table {
    Table(Place::Device(table))
}
