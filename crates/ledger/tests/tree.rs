//! Tiles and proofs against known answers, against the naive definition and against another implementation.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use entente_ledger::hash::{Hash, empty_root, leaf_hash, node_hash};
use entente_ledger::proof::{
    MemoryTree, ProofError, ProveError, Prover, TileReader, inclusion_path, verify_consistency,
    verify_inclusion,
};
use entente_ledger::tile::{self, TileId};
use entente_ledger::tree::{Frontier, FrontierError, root_of};
use proptest::prelude::*;
use sha2::Sha256;

/// The eight leaves of the Certificate Transparency test suite, hexadecimal.
const CT_LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// Roots over the first 1 to 8 of them.
const CT_ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// A store of tiles as a log server keeps them: the widest version of each.
#[derive(Default)]
struct TileStore {
    tiles: BTreeMap<(u8, u64), Vec<u8>>,
    reads: RefCell<usize>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such tile")]
struct NoTile;

impl TileReader for TileStore {
    type Error = NoTile;
    fn tile(&self, id: TileId) -> Result<Arc<[Hash]>, NoTile> {
        *self.reads.borrow_mut() += 1;
        let bytes = self.tiles.get(&(id.level(), id.index())).ok_or(NoTile)?;
        Ok(tile::decode(bytes).ok_or(NoTile)?.into())
    }
}

/// Appends the leaves in batches of the given sizes (the last one takes the rest).
fn grow(leaves: &[Hash], batches: &[usize]) -> (Frontier, TileStore) {
    let (mut frontier, mut store, mut rest) = (Frontier::default(), TileStore::default(), leaves);
    for count in batches.iter().copied().chain([leaves.len()]) {
        let (batch, after) = rest.split_at(count.min(rest.len()));
        let appended = frontier.append(batch).unwrap();
        for tile in appended.tiles {
            store.tiles.insert((tile.id.level(), tile.id.index()), tile.bytes);
        }
        (frontier, rest) = (appended.frontier, after);
    }
    (frontier, store)
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

/// The definition, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        many => {
            let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

fn ct_leaves(count: usize) -> Vec<Hash> {
    CT_LEAVES.iter().take(count).map(|leaf| leaf_hash(&hex::decode(leaf).unwrap())).collect()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| Hash::from_slice(&hex::decode(text).unwrap()).unwrap()).collect()
}

#[test]
fn roots_are_those_of_the_certificate_transparency_suite() {
    assert_eq!(empty_root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for count in 1..=8 {
        assert_eq!(root_of(&ct_leaves(count)).to_string(), CT_ROOTS[count - 1]);
        assert_eq!(grow(&ct_leaves(count), &[]).0.root().to_string(), CT_ROOTS[count - 1]);
    }
}

#[test]
fn inclusion_proofs_are_those_of_the_certificate_transparency_suite() {
    let known = [
        (
            0,
            8,
            vec![
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (2, 3, vec!["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            vec![
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (index, size, path) in known {
        assert_eq!(inclusion_path(&ct_leaves(size), index).unwrap(), hashes(&path));
    }
}

#[test]
fn consistency_proofs_are_those_of_the_certificate_transparency_suite() {
    let known = [
        (1, 1, vec![]),
        (
            1,
            8,
            vec![
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            vec![
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            vec![
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (old, new, proof) in known {
        assert_eq!(MemoryTree::new(ct_leaves(new)).consistency_proof(old).unwrap(), hashes(&proof));
    }
}

#[test]
fn every_proof_of_every_small_tree_verifies() {
    for size in 1..=70_u64 {
        let tree = MemoryTree::new(leaves(size as usize));
        for index in 0..size {
            let path = tree.inclusion_path(index).unwrap();
            let leaf = leaves(size as usize)[index as usize];
            assert_eq!(verify_inclusion(&leaf, index, size, &path, &tree.root()), Ok(()));
        }
        for old in 0..=size {
            let proof = tree.consistency_proof(old).unwrap();
            let old_root = root_of(&leaves(old as usize));
            assert_eq!(verify_consistency(old, &old_root, size, &tree.root(), &proof), Ok(()));
        }
        assert_eq!(tree.inclusion_path(size), None);
        assert_eq!(tree.consistency_proof(size + 1), None);
    }
}

#[test]
fn a_tree_of_seventy_thousand_leaves_has_the_tiles_the_standard_names() {
    let (frontier, store) = grow(&leaves(70_000), &[1, 255, 256, 40_000]);
    let count = |level| store.tiles.keys().filter(|(at, _)| *at == level).count();
    assert_eq!((count(0), count(1), count(2)), (274, 2, 1));
    let paths =
        [(0, 273), (1, 1), (2, 0)].map(|(level, index)| TileId::in_tree(level, index, 70_000).unwrap());
    let paths = paths.map(|id| id.to_string());
    assert_eq!(paths, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    for id in paths.iter().map(|path| TileId::parse(path).unwrap()) {
        assert_eq!(store.tiles[&(id.level(), id.index())].len(), usize::from(id.width()) * 32);
    }
    assert_eq!(Frontier::load(70_000, &store).unwrap(), frontier);
    assert_eq!(Prover::new(&store, 70_000).root().unwrap(), frontier.root());
}

#[test]
fn proofs_from_tiles_read_few_tiles() {
    let all = leaves(70_000);
    let (frontier, store) = grow(&all, &[]);
    let mut prover = Prover::new(&store, 70_000);
    for index in (69_000..70_000).chain([0, 65_535, 65_536]) {
        let path = prover.inclusion(index).unwrap();
        verify_inclusion(&all[index as usize], index, 70_000, &path, &frontier.root()).unwrap();
    }
    assert!(*store.reads.borrow() <= 12, "a thousand neighbours share their tiles");
}

#[test]
fn a_prover_names_what_it_cannot_prove() {
    let (_, mut store) = grow(&leaves(300), &[]);
    assert_eq!(
        Prover::new(&store, 300).inclusion(300),
        Err(ProveError::OutOfRange { asked: 300, size: 300 })
    );
    assert_eq!(
        Prover::new(&store, 300).consistency(301),
        Err(ProveError::OutOfRange { asked: 301, size: 300 })
    );
    store.tiles.get_mut(&(0, 1)).unwrap().truncate(32);
    let id = TileId::new(0, 1, 44).unwrap();
    assert_eq!(Prover::new(&store, 300).inclusion(299), Err(ProveError::ShortTile { id, found: 1 }));
    store.tiles.remove(&(0, 1));
    assert_eq!(Prover::new(&store, 300).inclusion(299), Err(ProveError::Tile(NoTile)));
}

#[test]
fn tile_paths_have_one_spelling() {
    assert_eq!(TileId::new(3, 1_234_067, 256).unwrap().to_string(), "tile/3/x001/x234/067");
    assert_eq!(tile::entries_path(1_234_067, 8), "tile/entries/x001/x234/067.p/8");
    assert_eq!(tile::entries_path(0, 256), "tile/entries/000");
    let refused = [
        "tile/3/1234067",
        "tile/3/x000/067",
        "tile/03/067",
        "tile/0/67",
        "tile/0/067.p/0",
        "tile/0/067.p/256",
        "tile/0/067.p/257",
        "tile/0/067.p/01",
        "tile/8/000",
        "tile/0/x067",
        "tile/0/",
        "tile/0/-01",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "/tile/0/000",
        "tile/0/000/",
    ];
    for path in refused {
        assert_eq!(TileId::parse(path), None, "{path}");
    }
}

#[test]
fn a_stored_frontier_is_read_only_whole() {
    let (frontier, _) = grow(&leaves(300), &[]);
    let bytes = frontier.encode();
    assert_eq!(hex::encode(&bytes), include_str!("golden/frontier-300.txt").trim_end());
    assert_eq!(Frontier::decode(&bytes).unwrap(), frontier);
    assert_eq!(Frontier::decode(&[]), Err(FrontierError::NoSize { bytes: 0 }));
    assert_eq!(
        Frontier::decode(&bytes[..bytes.len() - 1]),
        Err(FrontierError::WrongLength { size: 300, expected: 45 * 32, found: 45 * 32 - 1 })
    );
    assert_eq!(Frontier::decode(&[0xff; 40]), Err(FrontierError::SizeOutOfRange(u64::MAX)));
}

#[test]
fn our_roots_and_proofs_are_those_of_another_implementation() {
    let entries: Vec<Vec<u8>> = (0..600_u32).map(|number| number.to_be_bytes().to_vec()).collect();
    let all: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for (entry, size) in entries.into_iter().zip(1..) {
        theirs.push(entry);
        if size % 37 != 0 {
            continue;
        }
        let ours = MemoryTree::new(all[..size].to_vec());
        assert_eq!(ours.root().as_bytes().as_slice(), theirs.root().as_bytes().as_slice());
        for index in (0..size).step_by(29) {
            let path = tile::encode(&ours.inclusion_path(index as u64).unwrap());
            assert_eq!(path, theirs.prove_inclusion(index).as_bytes());
        }
        for old in (1..size).step_by(31) {
            let proof = tile::encode(&ours.consistency_proof(old as u64).unwrap());
            assert_eq!(proof, theirs.prove_consistency(size - old).as_bytes());
        }
    }
}

fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Hash::new(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn tiles_give_the_naive_root_however_leaves_were_batched(
        size in prop_oneof![0..2_000_usize, 65_000..70_000_usize],
        batches in prop::collection::vec(0..3_000_usize, 0..12),
    ) {
        let all = leaves(size);
        let (frontier, store) = grow(&all, &batches);
        prop_assert_eq!(frontier.size(), size as u64);
        prop_assert_eq!(frontier.root(), naive_root(&all));
        prop_assert_eq!(Prover::new(&store, size as u64).root().unwrap(), frontier.root());
        prop_assert_eq!(Frontier::load(size as u64, &store).unwrap(), frontier.clone());
        prop_assert_eq!(Frontier::decode(&frontier.encode()).unwrap(), frontier);
    }

    #[test]
    fn any_two_sizes_of_one_log_are_consistent(sizes in prop::collection::vec(0..70_000_u64, 2)) {
        let (old, new) = (sizes[0].min(sizes[1]), sizes[0].max(sizes[1]));
        let all = leaves(new as usize);
        let (frontier, store) = grow(&all, &[]);
        let proof = Prover::new(&store, new).consistency(old).unwrap();
        let old_root = root_of(&all[..old as usize]);
        prop_assert_eq!(verify_consistency(old, &old_root, new, &frontier.root(), &proof), Ok(()));
    }

    #[test]
    fn a_changed_inclusion_proof_does_not_verify(size in 1..3_000_u64, pick: u64, bit in 0..100_000_usize) {
        let all = leaves(size as usize);
        let (tree, index) = (MemoryTree::new(all.clone()), pick % size);
        let (leaf, root) = (all[index as usize], tree.root());
        let path = tree.inclusion_path(index).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &path, &root), Ok(()));
        prop_assert!(verify_inclusion(&flipped(&leaf, bit), index, size, &path, &root).is_err());
        prop_assert!(verify_inclusion(&leaf, index, size, &path, &flipped(&root, bit)).is_err());
        prop_assert!(verify_inclusion(&leaf, index ^ 1, size, &path, &root).is_err());
        prop_assert!(verify_inclusion(&leaf, index, index, &path, &root).is_err());
        let longer = [path.as_slice(), &[root]].concat();
        prop_assert!(verify_inclusion(&leaf, index, size, &longer, &root).is_err());
        if !path.is_empty() {
            let mut damaged = path.clone();
            damaged[bit / 256 % path.len()] = flipped(&path[bit / 256 % path.len()], bit);
            prop_assert!(verify_inclusion(&leaf, index, size, &damaged, &root).is_err());
            prop_assert!(verify_inclusion(&leaf, index, size, &path[1..], &root).is_err());
        }
    }

    #[test]
    fn a_changed_consistency_proof_does_not_verify(new in 2..3_000_u64, pick: u64, bit in 0..100_000_usize) {
        let old = 1 + pick % (new - 1);
        let all = leaves(new as usize);
        let tree = MemoryTree::new(all.clone());
        let (old_root, root) = (root_of(&all[..old as usize]), tree.root());
        let proof = tree.consistency_proof(old).unwrap();
        prop_assert_eq!(verify_consistency(old, &old_root, new, &root, &proof), Ok(()));
        prop_assert!(verify_consistency(old, &flipped(&old_root, bit), new, &root, &proof).is_err());
        prop_assert!(verify_consistency(old, &old_root, new, &flipped(&root, bit), &proof).is_err());
        prop_assert!(verify_consistency(new, &old_root, old, &root, &proof).is_err());
        let mut damaged = proof.clone();
        damaged[bit / 256 % proof.len()] = flipped(&proof[bit / 256 % proof.len()], bit);
        prop_assert!(verify_consistency(old, &old_root, new, &root, &damaged).is_err());
        let shorter = verify_consistency(old, &old_root, new, &root, &proof[1..]);
        let (expected, found) = (proof.len(), proof.len() - 1);
        prop_assert_eq!(shorter, Err(ProofError::WrongLength { expected, found }));
    }

    #[test]
    fn arbitrary_claims_are_refused_without_panic(
        sizes: (u64, u64), index: u64, path in prop::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let path: Vec<Hash> = path.into_iter().map(Hash::new).collect();
        let root = empty_root();
        prop_assert!(verify_inclusion(&root, index, sizes.0, &path, &root).is_err());
        let _ = verify_consistency(sizes.0, &root, sizes.1, &root, &path);
    }
}
