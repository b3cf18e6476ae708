import { describe, expect, it } from 'vitest';
import { parseShader } from './shader-report.js';

const STATISTICS = `

Compute Shader:
*** SHADER STATS ***
Driver pipeline hash: 10499456745920396972
SGPRs: 128
VGPRs: 132
Spilled SGPRs: 3
Spilled VGPRs: 1
Code size: 4884
LDS size: 8192
Scratch size: 16
Subgroups per SIMD: 8
Combined inputs: 0
Instructions: 1076
Copies: 222
Latency: 19879
Inverse Throughput: 7384
VALU: 746
********************
`;

/** A loop that only clears workgroup memory, and one around another: cut out of a product for an RX 7900, by Mesa 25.0. */
const RDNA3 = `shader: MESA_SHADER_COMPUTE
BB0
	 v1: %1252:v[1] = v_mbcnt_lo_u32_b32 -1, 0

Compute Shader
disasm:
BB0:
	v_mbcnt_lo_u32_b32 v1, -1, 0                                ; d71f0001 000100c1
	s_delay_alu instid0(VALU_DEP_1) | instskip(NEXT) | instid1(VALU_DEP_1) ; bf870091
	s_nop 0                                                     ; bf800000
	(then repeated 8 times)
BB1:
	v_cmpx_le_u32_e32 0x2000, v1                                ; 7d9602ff 00002000
BB2:
	s_cbranch_scc0 BB10                                         ; bfa1000a
BB9:
	s_mov_b64 exec, s[0:1]                                      ; befe0100
	ds_store_b128 v1, v[4:7]                                    ; db7c0000 00000401
	s_branch BB1                                                ; bfa0fff1
BB10:
	s_buffer_load_b128 s[12:15], s[8:11], null                  ; f4280304 f8000000
BB11:
	buffer_load_b128 v[78:81], v11, s[12:15], 0 offen           ; e05c0000 80434e0b
	s_waitcnt vmcnt(0) lgkmcnt(0)                               ; bf890007
	s_cbranch_execz BB70                                        ; bfa50013
BB64:
	ds_load_b128 v[82:85], v82                                  ; dbfc0000 52000052
	v_min_u32_e32 v83, 0xff, v83                                ; 26a6a6ff 000000ff
	s_waitcnt lgkmcnt(0)                                        ; bf89fc07
	v_fmac_f32_e32 v6, v82, v86                                 ; 560cad52
	v_dual_fmac_f32 v7, v82, v87 :: v_dual_fmac_f32 v8, v82, v88 ; c8020f52 07085952
	v_pk_fma_f16 v9, v10, v11, v9                               ; cc0e4009 1c261 70a
	v_mad_u32_u24 v12, v13, v14, v15                            ; d60b000c 043e1d0d
	s_cbranch_scc1 BB64                                         ; bfa2fff0
BB69:
	s_waitcnt_vscnt null, 0x0                                   ; bc7c0000
	s_cbranch_vccnz BB11                                        ; bfa4fff0
BB70:
	buffer_store_b128 v[4:7], v2, s[4:7], 0 offen               ; e0740000 80410402
	s_endpgm                                                    ; bfb00000
${STATISTICS}`;

/** Tensor cores and split wait counters, without a loop. */
const RDNA4 = `

Compute Shader
disasm:
BB0:
	s_mov_b32 exec_lo, -1                                       ; befe00c1
	global_load_tr_b128_w32 v[0:3], v8, s[0:1]                  ; ee15c000
	s_wait_loadcnt 0x0                                          ; bfc00000
	v_wmma_f32_16x16x16_f16 v[8:15], v[0:3], v[4:7], v[8:15]    ; cc404008
	s_wait_dscnt 0x0                                            ; bfc60000
	s_wait_loadcnt_dscnt 0x0                                    ; bfc80000
	buffer_atomic_add_u32 v4, v2, s[4:7], null offen            ; c40d4000
${STATISTICS}`;

/** The same, as ACO prints it where LLVM does not know the GPU. */
const WITHOUT_LLVM = `

Compute Shader
disasm:
Shader disassembly is not supported in the current configuration, falling back to print_program.

After lowering to hw instructions:
ACO shader stage: SW (CS), HW (COMPUTE_SHADER)
BB0
/* logical preds: / linear preds: / kind: top-level, branch, */
	 s1: %0:exec_lo = s_mov_b32 -1
BB1
	 v4: %23:v[4-7] = buffer_load_dwordx4 %20:s[12-15], %22:v[0], 0 offen storage:buffer
	s_wait_loadcnt imm:0
	 v1: %5:v[0] = v_fma_f32 %128:s[7], 6, %127:v[0]
	s_cbranch_scc0 block:BB1
BB2
	buffer_store_dwordx4 %20:s[12-15], %22:v[0], 0, %23:v[4-7] offen storage:buffer
${STATISTICS}`;

describe('the words of RADV', () => {
  it('give registers, memory and estimates', () => {
    expect(parseShader(RDNA3)).toMatchObject({
      ...{ waveSize: 64, registers: 132, spilled: 1, scratchBytes: 16, workgroupBytes: 8192, waves: 8 },
      ...{ instructions: 1076, latency: 19879, inverseThroughput: 7384 },
    });
  });

  it('show what is where: in all, in the hottest loop, and in those around it', () => {
    const none = { matrix: 0, loads: 0, stores: 0, loadWaits: 0 };
    const { whole, nest, hottest } = parseShader(RDNA3);
    expect(hottest).toEqual({
      ...none,
      ...{ depth: 2, vector: 5, multiplyAdds: 3, workgroup: 1, workgroupWaits: 1 },
    });
    expect(nest).toEqual({ ...hottest, depth: 1, loads: 1, loadWaits: 1, workgroupWaits: 2 });
    expect(whole).toEqual({ ...nest, depth: 0, vector: 7, stores: 1, workgroup: 2 });
  });

  it('show all where there is no loop', () => {
    const { waveSize, whole, nest, hottest } = parseShader(RDNA4);
    expect(waveSize).toBe(32);
    expect(whole).toEqual({
      ...{ depth: 0, vector: 0, multiplyAdds: 0, matrix: 1, loads: 1, stores: 1, loadWaits: 2 },
      ...{ workgroup: 0, workgroupWaits: 2 },
    });
    expect([nest, hottest]).toEqual([whole, whole]);
  });

  it('are understood without LLVM', () => {
    const { waveSize, whole, hottest } = parseShader(WITHOUT_LLVM);
    expect(waveSize).toBe(32);
    expect(whole).toMatchObject({ loads: 1, stores: 1, multiplyAdds: 1, loadWaits: 1 });
    expect(hottest).toMatchObject({ depth: 1, vector: 1, stores: 0 });
  });

  it('are not taken for some when they are none', () => {
    expect(() => parseShader('WARNING: radv is not conformant')).toThrow("RADV's words have no disassembly");
    expect(() => parseShader('\ndisasm:\nBB0:\n')).toThrow("RADV's statistics lack 'VGPRs'");
  });
});
