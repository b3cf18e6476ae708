export {};
//# sourceMappingURL=peer-main.d.ts.map